"""Rebuilds a lost journal from the running containers and their labels."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from app.domain.errors import LedgerUnavailable, RouteNotConfirmed, Superseded, Undone
from app.domain.history import HistoryEntry, decided_keys, proven_rollouts
from app.domain.release import LiveRelease, Release, Trigger
from app.domain.rollout import undone_rollout
from app.domain.stack import Color, Stack
from app.domain.state import Dropped, State
from app.domain.tags import UNKNOWN_TAG, TagRule
from workers.adoption import drift
from workers.adoption.adopt import find_all
from workers.adoption.reach import hosts_of
from workers.control import lost_rollout
from workers.control.dropped import dropped
from workers.ports import Instance, Ports, Route
from workers.rollout.stopping import stop_all
from workers.routing.asked import ask_routes
from workers.routing.copies import counted
from workers.routing.routers import read_routing

STALE_REPORTED = 100
"""How many releases older than the live one may end after a rebuild. The ledger knows thousands, long since decided."""

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


async def rebuild(stack: Stack, ports: Ports) -> None:
    """Rebuilds a lost journal and pauses with the reason. Keeps a valid journal, and the blank one of a first start.

    A journal with an epoch was written by a worker, so it is valid even if it has no release yet. If it was lost,
    `end_lost_rollout` ends what it no longer knows.
    """
    lost, state = ports.journal.lost, ports.journal.state
    if lost is None and (state.epoch or not state.is_blank):
        return
    history = await ports.publisher.history()
    proven = proven_rollouts(history)
    if state.is_blank:
        found = await look(stack, ports, proven)
    else:
        found = Found(state.active_color, state.current, state.previous, state.last_good_tag)
    if lost is None and found.current is None and not history and not await _left_over(stack, ports):
        taken = await _taken(ports)
        if taken is None:  # ask again when the ledger answers: see `accept_undecided`
            await ports.journal.update(lambda s: replace(s, ledger_unread=True))
        if not taken:
            return
    found = _without_failed(found, history)
    reason = _reason(lost, state, found)
    log.error("the journal was lost", reason=reason)
    now = ports.clock.now()
    epoch = int(now.timestamp())  # higher than any epoch of a worker, so a worker that wakes up stays rejected
    decided = decided_keys(history)
    await ports.journal.update(
        lambda s: s.rebuilt(
            color=found.color,
            current=found.current,
            previous=found.previous,
            good=found.good,
            decided=decided,
            epoch=epoch,
        ).pause(reason)
    )
    await accept_undecided(ports, stack.tags)
    ports.publisher.event("paused", reason=reason)


async def end_lost_rollout(stack: Stack, ports: Ports) -> None:
    """Ends what a rollout left that was lost with the journal: its one-off command and its color.

    A worker that is killed meanwhile, or whose engine fails, leaves it to the next one. If the journal has a rollout,
    the recovery ends that one.
    """
    if not ports.journal.state.lost_rollout:
        return
    await ports.engine.sweep()
    if ports.journal.state.rollout is None:
        await _stop_orphans(stack, ports)
        await lost_rollout.settle(stack, ports)
    await ports.journal.update(lambda s: replace(s, lost_rollout=False))


def _without_failed(found: Found, history: Sequence[HistoryEntry]) -> Found:
    """`found` without a release before it whose rollout did not succeed: that one is no way back."""
    failed = {entry.rollout_id for entry in history} - proven_rollouts(history)
    return replace(found, previous=None) if found.previous and found.previous.rollout_id in failed else found


async def _taken(ports: Ports) -> list[Release] | None:
    """The releases that a worker took out of the ledger: it wrote a state file. None if the ledger cannot be read.

    What waits is read last: a release that is accepted in between waits, and is not among the known ones.
    """
    try:
        known = await ports.inbox.known()
        waiting = {release.key for release in await ports.inbox.pending()}
    except LedgerUnavailable:
        return None
    return [release for release in known if release.key not in waiting]


async def _left_over(stack: Stack, ports: Ports) -> bool:
    """Whether containers of a rollout run, although no release is live: the journal had that rollout."""
    started = [instance for color in Color for instance in await _started(stack, ports, color)]
    return any(not instance.adopted for instance in started)


async def accept_undecided(ports: Ports, rule: TagRule) -> None:
    """After a rebuild, accepts the releases that the ledger knows and that the journal lost undecided.

    While the ledger or the route file cannot be read, this does nothing: call it again, also in the next process. A
    release that is older than the live one never goes live: it ends as superseded. What a person forced counts as not
    forced, because what is live now may not be what they saw: it waits for the unpause, or ends at once, with what to
    run, if only force would let it go live. The route names the rollout that was undone last: its release is decided.
    """
    if not ports.journal.state.ledger_unread or not await _is_lost(ports):
        return
    try:
        known, undone = await ports.inbox.known(), undone_rollout(await ports.route.rollout())
    except (LedgerUnavailable, RouteNotConfirmed) as away:
        log.warning("releases that were accepted before the state file was lost are not read yet", reason=str(away))
        return
    dates = {r.tag: r.published_at for r in known if r.published_at}
    current = ports.journal.state.dated(dates).current
    live = current.dated if current else None
    stale = [r for r in known if r.trigger is not Trigger.MANUAL and rule.is_older(r.dated, live)]
    needs_force = [r for r in known if r.force and rule.read(r.dated) and rule.not_newer(r.dated, live)]
    lost = [_unforced(r) for r in known if r not in stale]
    ended = [dropped(r, _undone(r)) for r in known if r.rollout_id == undone]
    ended += [dropped(r, _needs_force(r, current)) for r in needs_force if r.rollout_id != undone]
    ended += [dropped(r, _superseded(current)) for r in stale[-STALE_REPORTED:] if r.rollout_id != undone]
    await ports.journal.update(lambda s: replace(_dismissed(s.dated(dates), ended).accept(*lost), ledger_unread=False))


async def _is_lost(ports: Ports) -> bool:
    """Whether a state file was lost: rollouts paused then. If only the ledger can say so, asks it, and pauses now."""
    state = ports.journal.state
    if state.paused or state.resumed_at is not None:
        return True
    taken = await _taken(ports)
    if taken is None:
        return False
    if all(release.key in state.known_keys for release in taken):
        await ports.journal.update(lambda s: replace(s, ledger_unread=False))
        return False
    reason = _reason(None, State(), Found(state.active_color, state.current, good=state.last_good_tag))
    log.error("the journal was lost", reason=reason)
    ports.publisher.status(await ports.journal.update(lambda s: s.pause(reason)))
    ports.publisher.event("paused", reason=reason)
    return True


def _undone(release: Release) -> Undone:
    return Undone(
        "The route shows that its rollout was undone before the state file was lost. Your traffic stays on the release "
        f"before it. If {release.tag} is good, run `updater deploy {release.tag}` after the unpause."
    )


def _superseded(current: LiveRelease | None) -> Superseded:
    return Superseded(f"the live {current.tag if current else UNKNOWN_TAG} is newer")


def _needs_force(release: Release, current: LiveRelease | None) -> Superseded:
    return Superseded(
        f"It was forced before the state file was lost. Now {current.tag if current else UNKNOWN_TAG} is live, and "
        f"{release.tag} is not newer. Your traffic is unchanged. If you still want {release.tag}, run `updater deploy "
        f"{release.tag} --force`"
    )


def _dismissed(state: State, ended: Sequence[Dropped]) -> State:
    return state.dismiss(*(each for each in ended if each.release.key not in state.known_keys))


def _unforced(release: Release) -> Release:
    return replace(release, force=False)


async def _stop_orphans(stack: Stack, ports: Ports) -> None:
    """Stops the color of a lost rollout when it has drained: the route may have led to it until a moment ago."""
    proven = proven_rollouts(await ports.publisher.history())
    if await _orphans(stack, ports, proven):
        await ports.clock.sleep(stack.times.drain)
    await stop_all(stack, ports, await _orphans(stack, ports, proven))  # again: the route may lead elsewhere by now


async def _orphans(stack: Stack, ports: Ports, proven: Collection[str]) -> list[Instance]:
    """The running containers that nothing leads to, neither the journal nor a router nor Traefik, except proven ones.

    A color whose release is proven is the way back. Traefik may not follow its files, so its answers count too.
    """
    try:
        serving = {ports.journal.state.active_color, *await _led_to(stack, ports)}
    except RouteNotConfirmed as unreadable:
        log.warning("it is unclear which color serves; no container was stopped", reason=str(unreadable))
        return []
    idle = [color for color in Color if color not in serving]
    kept = {*proven, *[answer.rollout for _, answer in await ask_routes(stack, ports.probe)]}
    return [i for color in idle for i in await _started(stack, ports, color) if i.rollout not in kept]


async def _led_to(stack: Stack, ports: Ports) -> set[Color]:
    """The colors that a router in Traefik's watched directory leads to. Raises RouteNotConfirmed."""
    routing = read_routing(await ports.route.files(), hosts_of(stack, await find_all(stack, ports)))
    return {color for router in routing.routers for color in router.colors}


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


async def _started(stack: Stack, ports: Ports, color: Color) -> list[Instance]:
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


def _reason(lost: str | None, state: State, found: Found) -> str:
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
