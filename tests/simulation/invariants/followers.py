"""What must hold for the followers."""

from app.domain.rollout import Rollout, RolloutStatus
from tests.fakes.engine import Container
from tests.simulation.invariants.checks import asked, at_end, on_write
from tests.simulation.observation.observed import Observed, Write


@asked(at_end)
def the_copies_of_one_release_run(seen: Observed) -> str | None:
    """[H] In the end, exactly the live release's copies of each follower run.

    Fewer only if the alarm says so; another release's only if the alarm says so, and they do not stop, or nothing can
    replace them: the live release cannot start its own, and cannot be rolled back, or a lost state file had the only
    record of its rollout, so that a person decides on the rollback.
    """
    current = seen.state.current
    if current is None:
        return None
    for follower in seen.live_stack.followers:
        copies = _running(seen)[follower.name]
        running = [copy.stamp.release for copy in copies]
        others = [copy for copy in copies if copy.stamp.sha != current.sha]
        stuck = not any(other.behaviour.stops for other in others)
        unwell = _stays_unwell(seen) or _record_was_lost(seen)
        alone = unwell and not seen.world.engine.starts(follower.service, current.tag)
        if others and not ((stuck or alone) and _is_alarmed(seen, "follower_outdated")):
            return f"{current.tag} is live, but the copies of {follower.name} are of {running}"
        wanted, count = seen.world.engine.copies_of(follower.service, current.tag), len(copies) - len(others)
        if count > wanted or (count < wanted and not others and not _missing_ones_are_reported(seen)):
            return f"{count} of {wanted} copies of {follower.name} run: {running}"
    return None


def _missing_ones_are_reported(seen: Observed) -> bool:
    """As for a bot: the old ones could not be started again, their record was lost, or their release stays unwell."""
    unrestorable = seen.happened["singleton unrestorable"] or _record_was_lost(seen) or _stays_unwell(seen)
    return _is_alarmed(seen, "follower_gone") and bool(unrestorable)


def _record_was_lost(seen: Observed) -> bool:
    """Whether both copies of the state file were lost, and a pause says so, or said so until an operator ended it."""
    return bool(seen.happened["state file lost with its copy"] and (seen.state.paused or seen.unpauses))


def _stays_unwell(seen: Observed) -> bool:
    """Whether the live release failed, and stays because it cannot be rolled back."""
    return seen.state.current is not None and seen.state.current.rollout_id in seen.stayed


def _is_alarmed(seen: Observed, kind: str) -> bool:
    return any(kind in alarms for alarms in seen.world.publisher.alarmed[-1:])


@asked(on_write)
def a_success_replaced_its_followers(seen: Observed, write: Write) -> str | None:
    """[H] When a rollout succeeds, no copy of another release runs."""
    ended, current = _ended(seen, write), write.after.current
    if ended is None or current is None or ended.status is not RolloutStatus.SUCCESS:
        return None
    for name, copies in _running(seen).items():
        if others := [copy.stamp.release for copy in copies if copy.stamp.sha != current.sha]:
            return f"{current.tag} is live, but copies of {name} are of {others}"
    return None


@asked(on_write)
def a_rollback_removed_its_followers(seen: Observed, write: Write) -> str | None:
    """[H] When a rollout was rolled back, none of its own copies runs, unless a warning says so."""
    ended = _ended(seen, write)
    if ended is None or ended.status is not RolloutStatus.ROLLED_BACK or ended.warnings:
        return None
    for name, copies in _running(seen).items():
        if own := [copy for copy in copies if copy.stamp.rollout == ended.id]:
            return f"{ended.id} was rolled back, but {len(own)} of its copies of {name} run"
    return None


def _running(seen: Observed) -> dict[str, list[Container]]:
    """The running copies of each follower."""
    engine, followers = seen.world.engine, seen.live_stack.followers
    return {f.name: [c for c in engine.containers(f.service) if c.runs(seen.now)] for f in followers}


def _ended(seen: Observed, write: Write) -> Rollout | None:
    """The record of the rollout that this write ends."""
    before = write.before.rollout
    if before is None or write.after.rollout is not None or write.afresh:
        return None
    return next((rollout for rollout, _ in reversed(seen.world.publisher.kept) if rollout.id == before.id), None)
