"""Is the machine, and what is live on it, fit for a rollout?"""

import asyncio

from app.domain.errors import UpdaterError
from app.domain.stack import Stack
from workers.ports import Ports, Room

GB, MB = 1024**3, 1024**2


async def problems(stack: Stack, ports: Ports, room: Room) -> list[str]:
    """Everything that speaks against a rollout now, a sentence each."""
    return [*await lasting(stack, ports, room), *await passing(stack, ports), *await away(ports)]


async def lasting(stack: Stack, ports: Ports, room: Room) -> list[str]:
    """What somebody has to mend."""
    return [*_cramped(stack, room), *await _missing(stack, ports)]


async def passing(stack: Stack, ports: Ports) -> list[str]:
    """What a part that is being started says too: Traefik and the live color.

    Where nothing is live any HTTP status at all says that Traefik is there.
    """
    answers = await asyncio.gather(*(ports.probe.get(stack.route_url(s)) for s in stack.routed))
    live = ports.journal.state.active_color is not None
    return [
        f"{service.name} answers {answer} through Traefik"
        for service, answer in zip(stack.routed, answers, strict=True)
        if not (answer.ok if live else answer.status)
    ]


def _cramped(stack: Stack, room: Room) -> list[str]:
    needs, found = stack.needs, []
    if room.disk < needs.disk_gb * GB:
        found.append(f"{room.disk / GB:.1f} GB of disk are free, needs/disk_gb is {needs.disk_gb:g}")
    if room.memory < needs.memory_mb * MB:
        found.append(f"{room.memory / MB:.0f} MB of memory are free, needs/memory_mb is {needs.memory_mb:g}")
    return found


async def _missing(stack: Stack, ports: Ports) -> list[str]:
    """The live release has to be one that could be brought back."""
    live, color = ports.journal.state.current, ports.journal.state.active_color
    if live is None or color is None:
        return []
    gone = await ports.engine.missing(live.sha, [s.colors[color] for s in stack.routed])
    return [f"of the live {live.tag} this is gone, so it could not be brought back: {', '.join(gone)}"] if gone else []


async def away(ports: Ports) -> list[str]:
    """Redis: a rollout goes on without it, and nobody sees it."""
    try:
        await ports.inbox.ping()
    except UpdaterError as away:
        return [str(away)]
    return []
