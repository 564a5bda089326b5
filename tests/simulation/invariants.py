"""What must hold, one function each. A function returns what is wrong, or None. DESIGN's letters are in brackets.

`on_…` says when it is asked: before a request ends a container, before the route changes, after each effect, write and
answer, and at the end of a play, when all faults have ended and the worker had time to converge.
"""

from collections.abc import Callable
from typing import Any

from app.domain.rollout import RolloutStatus
from app.domain.stack import Color
from tests.fakes.engine import Container
from tests.simulation.observed import Call, Observed, Write

Check = Callable[..., str | None]
Checks = list[Check]

on_ending: Checks = []
on_flip: Checks = []
on_write: Checks = []
on_answer: Checks = []
at_end: Checks = []


def _asked(when: Checks) -> Callable[[Check], Check]:
    def add(check: Check) -> Check:
        when.append(check)
        return check

    return add


def name_of(check: Check) -> str:
    """The invariant as a sentence."""
    return check.__name__.replace("_", " ")


# Traffic


@_asked(on_ending)
def nothing_stops_the_served_color(seen: Observed, container: Container) -> str | None:
    """[A, D] Neither the color that Traefik serves nor the one in its file is stopped, replaced or removed."""
    color = container.color
    if color is None or not container.runs(seen.now):
        return None
    if color == seen.served and not _everything_is_removed(seen):
        return f"{container.service} of {container.stamp.release} ends while Traefik serves {color}"
    if color == seen.world.route.named:
        return f"{container.service} of {container.stamp.release} ends while the route file names {color}"
    return None


def _everything_is_removed(seen: Observed) -> bool:
    """Whether the first release failed: nothing else can serve, so its route is removed, and then its containers."""
    rollout = seen.state.rollout
    return seen.world.route.named is None and rollout is not None and rollout.origin is None


@_asked(on_ending)
def the_old_color_drains(seen: Observed, container: Container) -> str | None:
    """[A] A color that had traffic runs for the drain time after Traefik has left it.

    A route file that was changed by hand is corrected at once; what it did until then is not checked here.
    """
    if (
        seen.happened["route_overwritten"]
        or container.color is None
        or not container.runs(seen.now)
        or container.color == seen.served
    ):
        return None
    left = seen.world.route.last_served(Color(container.color))
    drain = seen.world.stack.times.drain - (seen.world.route.lag if _everything_is_removed(seen) else 0)
    if left is None or (container.started_at or 0) > left or seen.now - left >= drain - EPSILON:
        return None
    return f"{container.service} ends {seen.now - left:.2f} s after its last request, but it drains for {drain:g} s"


EPSILON = 0.001


@_asked(on_flip)
def the_route_leads_to_what_runs(seen: Observed, color: Color | None, rollout: str) -> str | None:
    """[D] The updater never moves the route to a color that it stopped, never started, or that is not ready."""
    if color is None:
        return None
    for service in seen.world.stack.routed:
        copies = seen.world.engine.containers(service.colors[color])
        if not any(_may_serve(seen, copy) for copy in copies):
            states = ", ".join(copy.state(seen.now) for copy in copies) or "missing"
            return f"the route moves to {color}, but {service.colors[color]} is {states}"
    return None


def _may_serve(seen: Observed, copy: Container) -> bool:
    """Whether it serves, or would if nothing but its release or the machine had ended it."""
    if copy.held or copy.started_at is None:
        return False
    return copy.is_ready(seen.now) or copy.restored or not copy.runs(seen.now)


@_asked(on_flip)
def a_cancelled_rollout_gets_no_traffic(seen: Observed, color: Color | None, rollout: str) -> str | None:
    """[C] After an accepted cancel, its rollout does not move the route to its color."""
    call = next((c for c in seen.calls if c.name == "cancel" and c.accepted and c.rollout == rollout), None)
    return f"{rollout} moves the route to {color}, but {call}" if call else None


# The journal


@_asked(on_write)
def no_rollout_begins_while_paused(seen: Observed, write: Write) -> str | None:
    """[C] Only a forced release begins while rollouts are paused."""
    begun = write.after.rollout
    if begun is None or write.before.rollout is not None or begun.release.force or write.afresh:
        return None
    if write.before.paused or write.after.paused:
        return f"{begun.release.tag} begins, but rollouts are paused: {write.before.pause_reason}"
    return None


@_asked(on_write)
def only_an_operator_unpauses(seen: Observed, write: Write) -> str | None:
    """[E] A pause lasts until an operator unpauses, also across restarts and a lost state file."""
    if not write.before.paused or write.after.paused or seen.unpauses:
        return None
    if write.afresh and write.after.current is None and not seen.world.publisher.entries:
        return None  # nothing on the machine says that there ever was a release
    return f"nobody unpaused, but the pause is gone: {write.before.pause_reason}"


@_asked(on_write)
def no_later_epoch_is_overwritten(seen: Observed, write: Write) -> str | None:
    """[B, E] A worker that was replaced writes nothing."""
    if write.after.epoch >= write.before.epoch or write.afresh:
        return None
    return f"epoch {write.before.epoch} is overwritten by epoch {write.after.epoch}"


@_asked(on_write)
def a_release_begins_once(seen: Observed, write: Write) -> str | None:
    """[C] A rollout begins only for a release that was accepted and not decided."""
    begun = write.after.rollout
    if begun is None or write.before.rollout is not None or write.afresh:
        return None
    if not any(r.key == begun.release.key for r in write.before.accepted):
        return f"{begun.release.tag} ({begun.id}) begins, but it was not waiting"
    if seen.ends.get(begun.id):
        return f"{begun.id} begins, but it has ended: {seen.ends[begun.id]}"
    return None


@_asked(on_write)
def a_rollout_ends_once(seen: Observed, write: Write) -> str | None:
    """[C] A rollout has one end."""
    twice = {rollout: ends for rollout, ends in seen.ends.items() if len(ends) > 1}
    return f"ended twice: {twice}" if twice else None


@_asked(on_write)
def a_success_runs_its_release(seen: Observed, write: Write) -> str | None:
    """[H] When a rollout succeeds, every routed copy of its color is of its commit, and none is missing."""
    now, color = write.after.current, write.after.active_color
    if now is None or color is None or write.before.rollout is None or write.after.rollout is not None:
        return None
    if write.before.current == now or write.afresh:
        return None
    for service in seen.world.stack.routed:
        shas = [c.stamp.sha for c in seen.world.engine.containers(service.colors[color])]
        if shas != [now.sha]:
            return f"{now.tag} is live on {color}, but {service.colors[color]} is of {shas}"
    return None


@_asked(on_write)
def the_way_back_is_kept(seen: Observed, write: Write) -> str | None:
    """[F] After each success, the release that was live before can be restored without a build."""
    if write.before.rollout is None or write.after.rollout is not None or write.afresh:
        return None
    if write.before.current == write.after.current:
        return None
    return _no_way_back(seen)


def _no_way_back(seen: Observed) -> str | None:
    state = seen.state
    current, color = state.current, state.active_color
    if current is None or color is None or not [sha for sha in seen.shas_live if sha != current.sha]:
        return None
    previous = state.previous
    if previous is None or previous.sha == current.sha:
        return f"{current.tag} is live, and no other release is kept, but there was one"
    gone = seen.world.engine.lacks(previous.sha, [s.colors[color.other] for s in seen.world.stack.routed])
    return f"{current.tag} is live; {previous.tag} cannot be restored without {', '.join(gone)}" if gone else None


# Calls of an operator


@_asked(on_answer)
def an_accepted_pause_counts(seen: Observed, call: Call) -> str | None:
    """[C] When a pause is acknowledged, the state file has it."""
    if call.name != "pause" or not call.accepted or seen.state.paused:
        return None
    meanwhile = [c for c in seen.calls if c.name == "unpause" and (c.answered_at or seen.now) >= call.asked_at]
    return None if meanwhile else "the pause was acknowledged, but the state file has none"


@_asked(on_answer)
def an_accepted_unpause_counts(seen: Observed, call: Call) -> str | None:
    """[C] When an unpause is acknowledged, the state file has no older pause."""
    if call.name != "unpause" or not call.accepted or not seen.state.paused or seen.paused_at >= call.asked_at:
        return None
    return f"the unpause was acknowledged, but the state file still has the pause: {seen.state.pause_reason}"


@_asked(at_end)
def an_accepted_cancel_counts(seen: Observed) -> str | None:
    """[C] A release whose cancel was acknowledged does not go live."""
    for call in (c for c in seen.calls if c.name == "cancel" and c.accepted):
        if RolloutStatus.SUCCESS in seen.ends.get(call.rollout, []):
            return f"{call}, but it went live"
    return None


@_asked(at_end)
def an_accepted_rollback_counts(seen: Observed) -> str | None:
    """[C] A rollout whose rollback was acknowledged while it was on trial does not stay live."""
    for call in (c for c in seen.calls if c.name == "rollback" and c.accepted and c.on_trial):
        if RolloutStatus.SUCCESS in seen.ends.get(call.rollout, []):
            return f"{call}, but it stayed live"
    return None


@_asked(at_end)
def an_accepted_release_is_not_lost(seen: Observed) -> str | None:
    """[C] Each release that was answered with 202 waits, or has one end that people can read."""
    entries = {entry.rollout_id: entry for entry in seen.world.publisher.entries}
    waiting = {r.rollout_id for r in seen.state.accepted}
    decided = {entry.key for entry in entries.values()}  # under another id, if a missed release was accepted meanwhile
    for rollout, release in seen.accepted.items():
        if rollout not in waiting and release.key not in decided:
            return f"{release.tag} ({rollout}, {release.trigger}) was accepted, but it neither waits nor has an end"
        if rollout in waiting and seen.ends.get(rollout):
            return f"{release.tag} ({rollout}) waits, but it has ended: {seen.ends[rollout]}"
        if seen.ends.get(rollout) and rollout in entries and seen.ends[rollout][-1] != entries[rollout].result:
            return f"{rollout} ended {seen.ends[rollout][-1]}, but its history says {entries[rollout].result}"
    return None


# The end of a play


@_asked(at_end)
def the_status_equals_the_journal(seen: Observed) -> str | None:
    """[C] Everyone reads what the journal says."""
    shown = seen.world.publisher.shown
    return None if shown == seen.state else f"the status is not the journal: {_differences(shown, seen.state)}"


def _differences(shown: Any, state: Any) -> str:
    if shown is None:
        return "there is no status"
    return "; ".join(
        f"{k}: {v!r} is shown, {getattr(state, k)!r} is true" for k, v in vars(shown).items() if v != getattr(state, k)
    )


@_asked(at_end)
def the_live_color_has_the_traffic(seen: Observed) -> str | None:
    """[D, H] Traefik serves the color in the journal, every copy of it runs, is healthy, and is of the live release."""
    state, world = seen.state, seen.world
    color, current = state.active_color, state.current
    if color is None or current is None:
        return _nothing_is_live(seen)
    if seen.served is not color or world.route.named is not color:
        return f"the journal says {color}, the route file {world.route.named}, Traefik {seen.served}"
    for service in world.stack.routed:
        if (status := world.engine.status(service.colors[color])) != 200 and not _is_bad(seen, service.colors[color]):
            return f"{service.colors[color]} has the traffic and answers {status}"
        shas = [c.stamp.sha for c in world.engine.containers(service.colors[color]) if c.runs(seen.now)]
        if shas and shas != [current.sha]:
            return f"{current.tag} is live on {color}, but {service.colors[color]} is of {shas}"
    return None


def _nothing_is_live(seen: Observed) -> str | None:
    if seen.served is None:
        return None
    return None if seen.state.paused else f"Traefik serves {seen.served}, but the journal has no live release"


def _is_bad(seen: Observed, service: str) -> bool:
    """Whether the release itself makes its copies unhealthy."""
    copies = seen.world.engine.containers(service)
    return any(c.behaviour.status != 200 or c.behaviour.dies_after is not None for c in copies)


@_asked(at_end)
def one_bot_runs(seen: Observed) -> str | None:
    """[B] In the end, exactly one copy of each singleton runs; none only if the pause or the alarm says so."""
    if seen.state.current is None:
        return None
    for singleton in seen.world.stack.singletons:
        running = seen.world.engine.running(singleton.service)
        if len(running) != 1 and not (_missing_bot_is_reported(seen) and not running):
            return f"{len(running)} copies of {singleton.name} run: {running}"
    return None


def _missing_bot_is_reported(seen: Observed) -> bool:
    """Whether the old one could not be started again, or a lost state file had the only record of its hand-over."""
    lost = seen.happened["state_damaged"] or seen.happened["state_removed"]
    alarmed = any("singleton_gone" in alarms for alarms in seen.world.publisher.alarmed[-1:])
    return bool(seen.happened["singleton unrestorable"] or (lost and alarmed and seen.state.paused))


@_asked(at_end)
def the_previous_release_can_be_restored(seen: Observed) -> str | None:
    """[F] In the end, the release that was live before can be restored without a build."""
    return _no_way_back(seen)


@_asked(at_end)
def what_compose_would_run_is_live(seen: Observed) -> str | None:
    """[H] `docker compose up` by hand would run the live release on the live color."""
    state, published = seen.state, seen.world.engine.published
    if state.current is None or published is None:
        return None
    live = (state.current.sha, state.active_color)
    return None if published == live else f"published is {published}, live is {live}"
