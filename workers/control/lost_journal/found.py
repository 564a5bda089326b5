"""Finds the live release and the one before it from what runs: its labels, and the route file."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from app.domain.errors import RouteNotConfirmed
from app.domain.release import LiveRelease
from app.domain.stack import Color, Stack
from app.domain.state import State
from workers.adoption import drift
from workers.ports import Instance, Ports, Route
from workers.routing.copies import counted

log = structlog.get_logger()


@dataclass(frozen=True)
class Found:
    """The live release and the one before it, as the machine shows them.

    `good` is the tag of the last release that is known to be good: its rollout succeeded, or it was adopted.
    """

    color: Color | None = None
    current: LiveRelease | None = None
    previous: LiveRelease | None = None
    good: str | None = None


async def look(stack: Stack, ports: Ports, proven: Collection[str]) -> Found:
    """Finds the live color, its release and the other color's, unless that one came later and is not `proven`.

    The live color is the one in the route file, if it runs. Without one it is the only color that runs, if its release
    is `proven` (ids of rollouts that succeeded): a color without a route may be on its way to its first request.
    """
    now = ports.clock.now()
    colors = {color: await _instances(await _as_it_runs(stack, ports, color), ports, color) for color in Color}
    running = {
        color: _release([[i for i in s if i.running] for s in instances], now)
        for color, instances in colors.items()
        if instances and all(any(i.running for i in s) for s in instances)
    }
    good = [color for color, release in running.items() if _is_proven(release, proven)]
    color = await _named(ports.route)
    if color not in running:
        color = good[0] if len(running) == len(good) == 1 else None
    if color is None:
        return Found()
    current, previous = running[color], _release(colors[color.other], now)
    if not _is_proven(previous, proven) and _is_newer(colors[color.other], colors[color]):
        previous = None
    kept = current if color in good else previous if _is_proven(previous, proven) else None
    return Found(
        color,
        _with_copies(stack, color, current, colors[color]),
        _with_copies(stack, color.other, previous, colors[color.other]),
        kept.tag if kept else None,
    )


async def _named(route: Route) -> Color | None:
    """The color in the route file; None if it names none or cannot be read."""
    try:
        return await route.active()
    except RouteNotConfirmed as unreadable:
        log.warning("the route file cannot be read; what runs decides which color is live", reason=str(unreadable))
        return None


def _is_newer(one: Sequence[Sequence[Instance]], other: Sequence[Sequence[Instance]]) -> bool:
    """Whether all containers of a color were created after one of the other color: by a rollout that did not end."""
    created, before = ([i.created for each in color for i in each if i.created] for color in (one, other))
    return bool(created and before) and min(created) > min(before)


def _is_proven(release: LiveRelease | None, proven: Collection[str]) -> bool:
    return release is not None and (release.adopted or release.rollout_id in proven)


async def _as_it_runs(stack: Stack, ports: Ports, color: Color) -> Stack:
    """`stack` as the release has it that runs on `color`, or that was published last: the stack file may have changed.

    All of it if the containers of `color` are of several releases.
    """
    published = await ports.engine.published_release()
    named = [await drift.stack_of(stack, ports, published[0]), stack] if published else [stack]
    services = dict.fromkeys(s.colors[color] for each in named for s in each.routed)
    found = [instance for service in services for instance in (await ports.engine.find(service))[:1]]
    commits = {instance.sha for instance in found if instance.sha}
    return await drift.stack_of(stack, ports, commits.pop()) if len(commits) == 1 else stack


async def started_by_rollouts(stack: Stack, ports: Ports, color: Color) -> list[Instance]:
    """The running containers of `color` that a rollout made."""
    return [i for each in await _instances(stack, ports, color) for i in each if i.running and i.rollout is not None]


async def _instances(stack: Stack, ports: Ports, color: Color) -> list[list[Instance]]:
    return [await ports.engine.find(service.colors[color]) for service in stack.routed]


def _release(by_service: Sequence[Sequence[Instance]], now: datetime) -> LiveRelease | None:
    """Returns the release in the labels of every instance; None if they differ, are not ours, or a service has none."""
    found = [instance for instances in by_service for instance in instances]
    labels = {(i.release, i.sha, i.rollout) for i in found}
    if len(labels) != 1 or not all(by_service):
        return None
    (release, sha, rollout) = labels.pop()
    if release is None or sha is None or rollout is None:
        return None
    return LiveRelease(release, sha, rollout, now, adopted=any(i.adopted for i in found))


def _with_copies(
    stack: Stack, color: Color, live: LiveRelease | None, by_service: Sequence[Sequence[Instance]]
) -> LiveRelease | None:
    """The release with how many containers it has, stopped ones too."""
    if live is None:
        return None
    made = [i for instances in by_service for i in instances if i.rollout == live.rollout_id]
    return replace(live, copies=counted(stack, color, made))


def reason_of(lost: str | None, state: State, found: Found) -> str:
    """Why rollouts pause after the state file was lost, and what is live. `lost`: what happened to its copies."""
    blank = replace(state, ledger_unread=False) == State()
    gone = "The state file is missing." if blank else "Another updater wrote the state file."
    if found.current is None:
        live = "No release of the updater is live."
    else:
        live = f"According to its containers, {found.current.tag} is live on {found.color}."
    if found.current is not None and found.good != found.current.tag:
        live += " No successful rollout of it is recorded: it may have been on trial. Roll back if it is not good."
    paused = f" Releases were already paused: {state.pause_reason}" if state.paused and state.pause_reason else ""
    return f"{lost or gone} {live} Your traffic is not affected. Check that this is right, then unpause.{paused}"
