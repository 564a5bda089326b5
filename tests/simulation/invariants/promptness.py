"""How soon a call takes effect."""

from app.domain.rollout import Rollout
from app.domain.step import StepKind
from tests.fakes.queue import MINUTE
from tests.simulation.invariants.checks import asked, on_time
from tests.simulation.observation.observed import Call, Observed
from workers.rollout.step import MARGIN_SECONDS

AT_ONCE_SECONDS = 2.5
"""What is on its way to the engine ends, and two writes of the state file. Shorter than any wait of a step."""


def due_in(seen: Observed, call: Call) -> float | None:
    """Seconds within which the call, which was just accepted, stops its rollout; None if it stops none.

    A command before the flip is never interrupted: it ends within its own limit. Neither is a write of the route file,
    which may have begun while the disk was slow. If a write of the state file failed since the call was asked, the
    rollout that wrote it may have ended with the failure: the worker continues it at its next look.
    """
    running = seen.state.rollout
    if running is None or running.id != call.rollout or not (call.name == "cancel" or call.on_trial):
        return None
    look = MINUTE if seen.failed_at >= call.asked_at else 0.0
    return AT_ONCE_SECONDS + look + _command(seen, running) + max(0.0, seen.world.route.writes_until - seen.now)


def _command(seen: Observed, running: Rollout) -> float:
    step, stack = running.running, seen.world.stack
    if step is None or step.kind is not StepKind.BEFORE_FLIP or step not in stack.before_flip_steps():
        return 0.0
    return stack.times.start + stack.before_flip_steps()[step].limit + MARGIN_SECONDS


@asked(on_time)
def an_accepted_call_stops_the_rollout_at_once(seen: Observed, call: Call, troubles: int) -> str | None:
    """[C, E] An acknowledged cancel or rollback ends the running step, whatever that step waits for.

    Not judged if anything else happened meanwhile: a fault delays it for as long as it lasts.
    """
    now, answered = seen.state.rollout, call.answered_at or 0.0
    if seen.faults or seen.troubles > troubles or now is None or now.id != call.rollout:
        return None
    if now.reason_code is not None:
        return None
    return f"{call}, but after {seen.now - answered:.1f} s it still runs: {now.running_step}"
