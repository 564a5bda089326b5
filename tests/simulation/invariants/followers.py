"""What must hold for the followers."""

from app.domain.rollout import RolloutStatus
from tests.simulation.invariants.checks import asked, at_end, on_write
from tests.simulation.observed import Observed, Write


@asked(at_end)
def the_copies_of_one_release_run(seen: Observed) -> str | None:
    """[H] In the end, exactly the live release's copies of each follower run.

    Fewer only if the alarm says so; another release's only if they do not stop, and the alarm says so.
    """
    current = seen.state.current
    if current is None:
        return None
    for follower in seen.world.stack.followers:
        copies = [c for c in seen.world.engine.containers(follower.service) if c.runs(seen.now)]
        running = [copy.stamp.release for copy in copies]
        others = [copy for copy in copies if copy.stamp.sha != current.sha]
        if any(other.behaviour.stops for other in others) or (others and not _is_alarmed(seen, "follower_outdated")):
            return f"{current.tag} is live, but the copies of {follower.name} are of {running}"
        wanted, count = seen.world.engine.wanted(follower.service, current.tag), len(copies) - len(others)
        if count > wanted or (count < wanted and not _missing_ones_are_reported(seen)):
            return f"{count} of {wanted} copies of {follower.name} run: {running}"
    return None


def _missing_ones_are_reported(seen: Observed) -> bool:
    """As for a bot: the old ones could not be started again, or their record was lost."""
    lost = seen.happened["state file lost with its copy"] and (seen.state.paused or seen.unpauses)
    return _is_alarmed(seen, "follower_gone") and bool(seen.happened["singleton unrestorable"] or lost)


def _is_alarmed(seen: Observed, kind: str) -> bool:
    return any(kind in alarms for alarms in seen.world.publisher.alarmed[-1:])


@asked(on_write)
def a_success_replaced_its_followers(seen: Observed, write: Write) -> str | None:
    """[H] When a rollout succeeds, no copy of another release runs."""
    before, after = write.before.rollout, write.after
    if before is None or after.rollout is not None or write.afresh or after.current is None:
        return None
    ended = next((r for r, _ in reversed(seen.world.publisher.kept) if r.id == before.id), None)
    if ended is None or ended.status is not RolloutStatus.SUCCESS:
        return None
    for follower in seen.world.stack.followers:
        copies = [c for c in seen.world.engine.containers(follower.service) if c.runs(seen.now)]
        if others := [c.stamp.release for c in copies if c.stamp.sha != after.current.sha]:
            return f"{after.current.tag} is live, but copies of {follower.name} are of {others}"
    return None
