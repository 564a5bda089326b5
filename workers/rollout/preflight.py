"""The preflight: is the machine, and what is live on it, fit for a rollout? Nothing is touched before it passes."""

import asyncio
from typing import Any

from app.domain.errors import AdoptionRefused, PreflightRefused, UpdaterError
from app.domain.stack import Stack
from workers.adoption import adopt, drift
from workers.ports import Ports, Room
from workers.rollout.health import confirm_route
from workers.rollout.run import Run

GB, MB = 1024**3, 1024**2
FIT_POLL_SECONDS = 0.5


async def preflight(run: Run) -> dict[str, Any]:
    """Room for two colors and a build; Traefik and the active color are well, and its images are there.

    On a machine that has just been started they begin all at once: each has the time that a service has to get well.
    Redis need not be there: what the journal knows goes live without it.
    """
    await (_nothing_serves(run) if run.rollout.origin is None else _routes_stand(run))
    room, force = run.ports.room(), run.rollout.release.force
    problems = await _lasting(run.stack, run.ports, room)
    problems += await _unwell(run, 0.0 if problems or force else run.stack.times.health)
    if problems and not force:
        raise PreflightRefused("; ".join(problems))
    ignored = [*problems, *await _away(run.ports)]
    return {"disk_gb": round(room.disk / GB, 1), "memory_mb": round(room.memory / MB), "ignored": ignored}


async def _nothing_serves(run: Run) -> None:
    """A first release replaces no container that has traffic, forced or not. Raises AdoptionRefused."""
    if await adopt.look(run.stack, run.ports):
        raise AdoptionRefused("the stack was started a moment ago: apply the tag again")


async def _routes_stand(run: Run) -> None:
    """The color that is to be replaced has no traffic, forced or not. Raises AdoptionRefused, RouteNotConfirmed."""
    if await drift.stand(run.ports):
        return
    if await drift.moved(run.stack, run.ports):
        raise AdoptionRefused(f"another program led your traffic to {run.target} a moment ago: apply the tag again")
    for alarm in await drift.put_right(run.ports):
        await run.record(lambda r, a=alarm: r.warn(a.text))  # type: ignore[misc]
        await confirm_route(run, str(run.ports.journal.state.route_id))


async def _unwell(run: Run, wait: float) -> list[str]:
    """What may pass by itself and has not within `wait` seconds."""
    until, told = run.ports.clock.monotonic() + wait, False
    while (problems := await _passing(run.stack, run.ports)) and run.ports.clock.monotonic() < until:
        if not told:
            run.say(f"preflight: waits up to {wait:.0f} s, because {'; '.join(problems)}")
        told = True
        await run.ports.clock.sleep(FIT_POLL_SECONDS)
    return problems


async def problems(stack: Stack, ports: Ports, room: Room) -> list[str]:
    """Everything that speaks against a rollout now, a sentence each."""
    return [*await _lasting(stack, ports, room), *await _passing(stack, ports), *await _away(ports)]


async def _lasting(stack: Stack, ports: Ports, room: Room) -> list[str]:
    """What somebody has to fix."""
    return [*_cramped(stack, room), *await _missing(stack, ports)]


async def _passing(stack: Stack, ports: Ports) -> list[str]:
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


async def _away(ports: Ports) -> list[str]:
    """Redis: a rollout goes on without it, and nobody sees it."""
    try:
        await ports.inbox.ping()
    except UpdaterError as away:
        return [str(away)]
    return []
