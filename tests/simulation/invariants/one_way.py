"""What must hold for releases that cannot be rolled back."""

from app.domain.errors import CannotRollBack, OperatorRollback
from app.domain.stack import Color
from tests.simulation.invariants.checks import asked, on_answer, on_flip, on_write
from tests.simulation.observation.observed import Call, Observed, Write


@asked(on_flip)
def a_one_way_release_keeps_its_traffic(seen: Observed, color: Color | None, rollout: str) -> str | None:
    """[H] Once the route file leads to it, only an operator leads clients back to the release before it."""
    undone = seen.state.rollout
    if undone is None or not undone.one_way or undone.origin is None or color is undone.target:
        return None
    forced = undone.reason_code == OperatorRollback.code
    if forced or seen.world.route.named is not undone.target:
        return None
    return f"{undone.id} cannot be rolled back, but the route moves to {color}: {undone.reason_code}"


@asked(on_write)
def a_one_way_release_stays_live(seen: Observed, write: Write) -> str | None:
    """[H] If it fails after its flip, it stays live, and rollouts pause."""
    ended, after = write.before.rollout, write.after
    if ended is None or after.rollout is not None or write.afresh or not ended.stays:
        return None
    if after.current is None or after.current.rollout_id != ended.id or after.active_color is not ended.target:
        return f"{ended.id} stays, but {after.current and after.current.tag} is live on {after.active_color}"
    return None if after.paused or not seen.pauses else f"{ended.id} failed and stays, but rollouts are not paused"


@asked(on_write)
def only_force_goes_back_from_a_one_way_release(seen: Observed, write: Write) -> str | None:
    """[H] A rollback from it begins only if an operator forced it."""
    begun, live = write.begun, write.before.current
    if begun is None or write.afresh or live is None:
        return None
    if begun.release.recall is None or begun.release.recall == live.sha or live.tag not in seen.world.engine.one_ways:
        return None
    calls = [c for c in seen.calls if c.name == "rollback" and (c.rollout in {begun.id, ""})]
    if any(call.options["force"] for call in calls):
        return None
    return f"{begun.id} goes back to {begun.release.tag}, but {live.tag} cannot be rolled back"


@asked(on_answer)
def a_forced_rollback_is_not_refused(seen: Observed, call: Call) -> str | None:
    """[H] An operator who knows that the rollback works can force it."""
    if call.name != "rollback" or not call.options["force"] or call.code != CannotRollBack.code:
        return None
    return f"{call}, but it was forced"
