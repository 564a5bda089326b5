"""What must hold while the updater is replaced."""

from app.domain.release import Release
from tests.fakes.engine import Container
from tests.simulation.invariants.checks import asked, at_end, on_act, on_ending, on_record, on_write
from tests.simulation.observation.observed import Observed, Write
from workers.self_update.model import Attempt, Side


@asked(on_record)
def a_succession_begins_when_nothing_is_rolled_out(
    seen: Observed, before: Attempt | None, after: Attempt, waits: Release | None
) -> str | None:
    """It begins while no rollout runs or is about to begin, and while rollouts are not paused."""
    state = seen.state
    if before is not None and before.rollout == after.rollout:
        return None
    if state.rollout is not None:
        return f"the succession for {after.tag} begins while {state.rollout.id} runs"
    if state.paused:
        return f"the succession for {after.tag} begins while rollouts are paused: {state.pause_reason}"
    if waits is None:
        return None
    return f"the succession for {after.tag} begins, but {waits.tag} waits to be rolled out"


@asked(on_record)
def a_succession_ends_once(seen: Observed, before: Attempt | None, after: Attempt, waits: Release | None) -> str | None:
    """Each rollout gets one attempt, and its end is final. No attempt is given up for another one."""
    if before is not None and before.rollout == after.rollout:
        return f"the succession for {after.tag} had ended, and goes on" if before.ended and not after.ended else None
    if after.rollout in seen.successions:
        return f"the succession for {after.rollout} begins again"
    if before is not None and not before.ended:
        return f"the succession for {after.tag} begins before that for {before.tag} has ended"
    return None


@asked(on_write)
def no_rollout_begins_during_a_succession(seen: Observed, write: Write) -> str | None:
    """Neither the old nor the new worker begins a rollout that the succession would interrupt."""
    begun = write.begun
    if begun is None or not seen.succeeds:
        return None
    return f"{begun.id} begins before the succession has ended"


@asked(on_ending)
def a_succession_ends_nothing_of_the_stack(seen: Observed, container: Container) -> str | None:
    """No container with traffic and no bot is ended for a succession, whether it fails or not."""
    if not seen.succeeds or seen.is_disturbed or not container.runs(seen.now):
        return None
    live = container.color is not None and container.color in {seen.served, seen.world.route.named}
    bot = any(container.service == singleton.service for singleton in seen.world.stack.singletons)
    return f"{container.service} ends during a succession" if live or bot else None


@asked(on_act)
def only_the_latest_worker_acts(seen: Observed, what: str) -> str | None:
    """[B] After a worker took over, no earlier one changes the stack, its route or the state file."""
    mine = seen.epochs.get(seen.acting or "", 0)
    if not mine or mine >= seen.latest_epoch:
        return None
    return f"{seen.acting} of epoch {mine} does `{what}`, but epoch {seen.latest_epoch} has begun"


ENDS_THE_OTHER = {"put worker": Side.SUCCESSOR, "dismiss the successor": Side.WORKER}


@asked(on_act)
def only_the_side_that_claimed_it_ends_the_other(seen: Observed, what: str) -> str | None:
    """While a succession goes on, the worker or the successor may stop the other one. Else no updater may be left."""
    side, own = ENDS_THE_OTHER.get(what), seen.own
    if side is None or own is None or not seen.succeeds or own.machine.attempt is None:
        return None
    claimed = own.machine.claimed.get(own.machine.attempt.rollout)
    if claimed is side:
        return None
    return f"{seen.acting} does `{what}`, but {claimed or 'no side'} claimed the succession"


@asked(at_end)
def the_succession_has_ended(seen: Observed) -> str | None:
    """In the end the new updater runs, or the old one does: both services, as one release defines them.

    Several releases may define a service alike. One that runs so already is not started again.
    """
    own = seen.own
    if own is None or (attempt := own.machine.attempt) is None:
        return None
    if not attempt.ended:
        return f"the succession for {attempt.tag} has not ended"
    old, new = own.machine.prepared[attempt.rollout]
    left = own.machine.models[(old if attempt.why else new).parent.name]
    for service in own.machine.updater.services:
        runs = own.machine.models[own.machine.runs[service][1].parent.name] if service in own.machine.runs else {}
        if runs.get(service) != left[service]:
            return f"{service} is {runs.get(service)} after the succession for {attempt.tag}, not {left[service]}"
    if own.successor.alive:
        return f"the successor for {own.successor.rollout} still runs"
    return None
