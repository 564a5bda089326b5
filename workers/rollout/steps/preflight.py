"""The preflight: checks that the machine and the live color are ready, before the rollout touches anything."""

from collections.abc import Mapping
from typing import Any

from app.domain.engine_commands import commands_of
from app.domain.errors import AdoptionRefused, PreflightRefused, RouteNotConfirmed, UpdaterError
from app.domain.release_stack import released_twice
from app.domain.stack import Stack
from workers.adoption import adopt, drift
from workers.adoption.conflicts import conflicts
from workers.adoption.new_routes import still_led
from workers.ports import Instance, Ports, Room
from workers.rollout.checks.health import confirm_route
from workers.rollout.run import Run
from workers.routing.asked import ask_routes
from workers.routing.client_certificates import certificates_needed

GB, MB = 1024**3, 1024**2
FIT_POLL_SECONDS = 0.5


async def preflight(run: Run) -> dict[str, Any]:
    """Checks for room for two colors and a build, and that Traefik and the active color are healthy and complete.

    After a boot everything starts at once, so Traefik and the active color get the time that a service has to become
    healthy. Redis may be unavailable: a release in the journal goes live without it.
    """
    _has_routes(run)
    await _none_twice(run)
    await (_nothing_serves(run) if run.rollout.origin is None else _routes_stand(run))
    room, force = run.ports.room(), run.rollout.release.force
    problems = await _lasting(run.stack, run.ports, room)
    problems += await _unwell(run, 0.0 if problems or force else run.stack.times.health)
    if problems and not force:
        raise PreflightRefused("; ".join(problems))
    ignored = [*problems, *await _away(run.ports)]
    return {"disk_gb": round(room.disk / GB, 1), "memory_mb": round(room.memory / MB), "ignored": ignored}


async def _nothing_serves(run: Run) -> None:
    """Makes sure that a first release replaces no container with traffic, even if forced. Raises AdoptionRefused."""
    if await adopt.look(run.stack, run.ports):
        raise AdoptionRefused("the stack was started a moment ago: apply the tag again")


async def _routes_stand(run: Run) -> None:
    """Makes sure that the color to replace has no traffic, forced or not. Raises AdoptionRefused, RouteNotConfirmed."""
    if await drift.routes_match(run.origin, run.ports):
        runs = await _running_idle(run)
        behind = await _traefik_follows(run, all_answer=bool(runs))
        if behind or any(_left_running(i) for i in runs):
            await _drain(run)
        return
    if await drift.moved(run.origin, run.ports):
        raise AdoptionRefused(f"another program moved your traffic to {run.target} a moment ago: apply the tag again")
    for alarm in await drift.restore(run.origin, run.ports):
        await run.record(lambda r, a=alarm: r.warn(a.text))  # type: ignore[misc]
        await confirm_route(run, str(run.ports.journal.state.route_id), run.origin)
    await _drain(run)


def _has_routes(run: Run) -> None:
    """Makes sure that both the release and the live one have a routed service. Raises PreflightRefused."""
    previous = run.rollout.previous
    for stack, release in ((run.stack, run.rollout.release.tag), (run.origin, previous.tag if previous else "")):
        if not stack.routed:
            raise PreflightRefused(
                f"{release} has none of the routed services that the stack file names, so no route can lead to it. "
                "Nothing was changed; the routes of the live release stay as they are. Keep one of its routed services "
                "in the stack file until the next release is live, and restart the worker"
            )


async def _none_twice(run: Run) -> None:
    """Makes sure that no singleton would run beside what the live release has of it, forced or not.

    The hand-over stops a singleton, also one that had another Compose service. It does not stop what was routed, nor
    what an earlier updater started under a name that the stack file does not have. Raises PreflightRefused.
    """
    previous = run.rollout.previous
    roles = await run.ports.engine.roles_of(previous.sha) if previous else {}
    for service in released_twice(run.stack, roles):
        if any(not i.gone for i in await run.ports.engine.find(service)):
            raise PreflightRefused(
                f"{service} of the live release runs, and may be the same program as a singleton in the stack file, "
                f"which must never run twice. Nothing was changed. Stop the containers of {service} "
                f"({commands_of(run.stack).stop(service)}), and deploy the tag again"
            )


async def _drain(run: Run) -> None:
    """Waits until the color to replace has answered the requests that it got by mistake."""
    await run.ports.clock.sleep(run.stack.times.drain)


async def _running_idle(run: Run) -> list[Instance]:
    """What runs in the color to replace."""
    found = [await run.ports.engine.find(s.colors[run.target]) for s in run.stack.routed]
    return [i for copies in found for i in copies if i.running]


def _left_running(instance: Instance) -> bool:
    """Whether it is a copy of an earlier rollout: until a moment ago, Traefik may have used it.

    That is so after a flip or an undo that Traefik did not confirm. Otherwise it was drained and stopped.
    """
    return instance.rollout is not None and not instance.adopted


async def _traefik_follows(run: Run, *, all_answer: bool) -> bool:
    """Makes sure that no answer carries another rollout's id: Traefik may still use an earlier file.

    `all_answer`: every route has to answer, because something runs in the color to replace. A Traefik that does not
    answer the updater may still lead clients there. After a boot it gets the time that a service has to become healthy.

    Returns whether it had to wait. Raises RouteNotConfirmed after `times.route`, `times.health` if an answer lacks.
    """
    expected, began, behind = run.ports.journal.state.route_id, run.ports.clock.monotonic(), False
    while expected is not None and (doubt := await _doubt(run, expected, all_answer=all_answer)):
        behind, (why, limit) = True, doubt
        if run.ports.clock.monotonic() - began > limit:
            raise RouteNotConfirmed(f"{why}. Nothing was changed. Look at Traefik's log, and restart it")
        await run.ports.clock.sleep(FIT_POLL_SECONDS)
    return behind


async def _doubt(run: Run, expected: str, *, all_answer: bool) -> tuple[str, float] | None:
    """Why the color to replace may have traffic, and for how many seconds to wait; None if it has none.

    An answer without a rollout id does not come from a route file.
    """
    answers = await ask_routes(run.origin, run.ports.probe)
    if others := sorted({a.rollout for _, a in answers if a.rollout and a.rollout != expected}):
        why = (
            f"Traefik answers for rollout {', '.join(others)}, but the route file is of {expected}: it does not follow "
            "the file, so the idle color may have your traffic"
        )
        return why, run.stack.times.route
    silent = {service.name: answer for service, answer in answers if not answer.status}
    if all_answer and silent:
        why = (
            f"Traefik does not answer for {', '.join(silent)} ({next(iter(silent.values()))}), and containers of "
            f"{run.target} run: an earlier route file may still lead your traffic to them"
        )
        return why, run.stack.times.health
    return None


async def _unwell(run: Run, wait: float) -> list[str]:
    """The temporary problems that have not passed after `wait` seconds."""
    until, logged = run.ports.clock.monotonic() + wait, False
    while (problems := await _passing(run.stack, run.ports)) and run.ports.clock.monotonic() < until:
        if not logged:
            run.say(f"preflight: waits up to {wait:.0f} s, because {'; '.join(problems)}")
        logged = True
        await run.ports.clock.sleep(FIT_POLL_SECONDS)
    return problems


async def problems(stack: Stack, ports: Ports, room: Room) -> list[str]:
    """Everything that prevents a rollout now, one sentence each."""
    return [*await _lasting(stack, ports, room), *await _passing(stack, ports), *await _away(ports)]


async def _lasting(stack: Stack, ports: Ports, room: Room) -> list[str]:
    """Problems that an operator has to fix."""
    return [
        *_cramped(stack, room),
        *await _missing(stack, ports),
        *await conflicts(stack, ports),
        *await still_led(stack, ports),
        *await _certificates(stack, ports),
    ]


async def _certificates(stack: Stack, ports: Ports) -> list[str]:
    """The routes that the updater cannot ask, because Traefik requires a client certificate."""
    try:
        files = await ports.route.files()
    except RouteNotConfirmed:
        return []  # the flip reports it
    return list(certificates_needed(stack, files, await _points(ports)))


async def _points(ports: Ports) -> Mapping[str, Mapping[str, Any]]:
    """Traefik's entrypoints; empty if its API cannot be read, which `doctor` reports."""
    try:
        return await ports.route.entrypoints()
    except RouteNotConfirmed:
        return {}


async def _passing(stack: Stack, ports: Ports) -> list[str]:
    """Problems that may be temporary, because Traefik or the live color is still starting.

    If nothing is live, any HTTP status shows that Traefik answers.
    """
    answers = await ask_routes(await drift.live_stack(stack, ports), ports.probe)
    live = ports.journal.state.active_color is not None
    return [
        f"{service.name} answers {answer} through Traefik"
        for service, answer in answers
        if not (answer.ok if live else answer.status)
    ]


def _cramped(stack: Stack, room: Room) -> list[str]:
    needs, found = stack.needs, []
    if room.disk < needs.disk_gb * GB:
        found.append(f"{room.disk / GB:.1f} GB of disk are free, but needs/disk_gb is {needs.disk_gb:g}")
    if room.memory < needs.memory_mb * MB:
        found.append(f"{room.memory / MB:.0f} MB of memory are free, but needs/memory_mb is {needs.memory_mb:g}")
    return found


async def _missing(stack: Stack, ports: Ports) -> list[str]:
    """Missing parts of the live release: a rollback must be able to restore it."""
    live, color = ports.journal.state.current, ports.journal.state.active_color
    if live is None or color is None:
        return []
    part = await drift.live_stack(stack, ports)
    gone = await ports.engine.missing(live.sha, [s.colors[color] for s in part.routed])
    return [f"the live {live.tag} could not be restored, because this is missing: {', '.join(gone)}"] if gone else []


async def _away(ports: Ports) -> list[str]:
    """Reports that Redis is unavailable: a rollout continues without it, but cannot be followed."""
    try:
        await ports.inbox.ping()
    except UpdaterError as away:
        return [str(away)]
    return []
