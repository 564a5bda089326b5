"""What the worker says about a replacement of the updater that failed or does not end."""

from app.domain.findings import Alarm
from workers.self_update.model import SUCCESSOR

FIX = "Publish a release that fixes it, or apply the tag again."
BY_HAND = (
    "It was changed by hand, so the worker does not replace it. Run `docker compose up -d` in the live directory to "
    "restore the last replacement, which then follows the live release. Or remove `updater` from stack.yml to turn "
    "replacements off"
)
IN_A_SHELL = (
    "secrets or configs of its services take their values from the environment ({}), which neither the worker nor the "
    "successor has. Define each with `file:` instead, and publish a release"
)
STARTED_FROM_A_SHELL = (
    "secrets or configs of the updater that runs take their values from the environment ({}), which neither the worker "
    "nor the successor has: it could not be started again if the new one failed. Start the new one once by hand: `{}`"
)


def successor_in(project: str) -> str:
    """The name that Compose gives the successor's container."""
    return f"{project}-{SUCCESSOR}-1"


def not_ended(tag: str, why: str, project: str) -> Alarm:
    text = f"The updater is still being replaced by that of {tag}: {why.rstrip('.')}. Your traffic is not affected, "
    name = successor_in(project)
    then = f"but no rollout begins. Check `docker logs {name}`. If it hangs, run `docker restart {name}`."
    return Alarm("updater_not_replaced", text + then)


def not_replaced(tag: str, why: str, then: str = "") -> Alarm:
    stays = f"The updater of {tag} did not take over, so the previous one stays: {why.rstrip('.')}."
    return Alarm("updater_not_replaced", f"{stays} Your traffic is not affected. {then}".rstrip())
