"""What makes the engine start a container again: the restart policy of a Compose service."""

from collections.abc import Mapping
from typing import Any

ALWAYS, NEVER, ON_FAILURE, UNLESS_STOPPED = "always", "no", "on-failure", "unless-stopped"
_OTHER_WORDS = {"any": ALWAYS, "none": NEVER, "": NEVER}
"""What `deploy/restart_policy/condition` may say for them."""


def restart_policy(service: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's `RestartPolicy` for a service of `compose config`: `deploy` comes before `restart`, as in Compose.

    https://docs.docker.com/reference/compose-file/deploy/#restart_policy
    """
    word, _, times = str(service.get("restart") or NEVER).partition(":")
    if declared := (service.get("deploy") or {}).get("restart_policy"):
        word, times = declared.get("condition") or "any", str(declared.get("max_attempts") or 0)
    name = _OTHER_WORDS.get(word, word)
    return {"Name": name, "MaximumRetryCount": int(times or 0) if name == ON_FAILURE else 0}


def held(policy: str, *, ended: bool, stops: bool) -> str:
    """The policy that a container needs so that the engine does not start it by itself once it is stopped.

    The engine starts containers when it restarts: with `always` every one, with `on-failure` also one that was stopped
    and exited with an error, and with `unless-stopped` one that has ended without a call, also because the engine is
    shutting down. `stops`: the updater stops it now.
    """
    if ended or (stops and policy == ON_FAILURE):
        return NEVER
    return UNLESS_STOPPED if policy == ALWAYS else policy
