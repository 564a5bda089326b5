"""Stops containers that no request needs any more."""

import asyncio
from collections.abc import Iterable

from app.domain.stack import Stack
from workers.ports import Instance, Ports


async def stop_all(stack: Stack, ports: Ports, instances: Iterable[Instance]) -> list[Instance]:
    """Stops them at once, each in its own grace, else in `times/stop_grace`. Returns them as they are then.

    Raises EngineFailed.
    """
    grace = stack.times.stop_grace
    return list(await asyncio.gather(*(ports.engine.stop(i.id, i.grace(grace)) for i in instances)))


def still_there(stopped: Iterable[Instance]) -> Instance | None:
    """The first one that did not stop."""
    return next((instance for instance in stopped if not instance.gone), None)


def why_there(instance: Instance) -> str:
    """Why an instance that was stopped is not gone."""
    if not instance.silent:
        return f"it is still {instance.state}"
    nodes = ", ".join(instance.silent)
    return f"{nodes} does not answer, and it may still run there. Bring {nodes} back, then deploy the tag again"
