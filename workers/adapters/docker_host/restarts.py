"""Keeps stopped containers stopped when the engine restarts, and gives back their restart policy before a start."""

import contextlib
from collections.abc import Mapping
from typing import Any

from docker.models.containers import Container

from workers.adapters.docker_host.client import Docker, Missing
from workers.definition.services.restart_policy import NEVER, held

ENDED = frozenset({"exited", "dead"})


async def hold(docker: Docker, container: str, *, stops: bool = False) -> None:
    """Makes sure that the engine does not start the container by itself once it is stopped: else two bots would run.

    `stops`: it is stopped next. A missing container is no error.
    """
    with contextlib.suppress(Missing):
        found = await docker.call(lambda c: c.containers.get(container))
        wanted = held(_policy(found), ended=found.status in ENDED, stops=stops)
        if wanted != _policy(found):
            await _update(docker, container, {"Name": wanted})


def may_be_held(container: Container) -> bool:
    """Whether it has no restart policy: `hold` may have taken it, or its definition has none."""
    return _policy(container) == NEVER


async def give_back(docker: Docker, container: Container, policy: Mapping[str, Any]) -> None:
    """Gives a container that `may_be_held` its definition's `policy`."""
    if policy["Name"] != NEVER:
        await _update(docker, str(container.id), policy)


def _policy(container: Container) -> str:
    return container.attrs["HostConfig"]["RestartPolicy"]["Name"] or NEVER


async def _update(docker: Docker, container: str, policy: Mapping[str, Any]) -> None:
    wanted: Any = policy  # the stubs' type is private
    await docker.change(lambda c: c.api.update_container(container, restart_policy=wanted))
