"""Ends a rollout that an earlier worker left unfinished."""

import structlog

from app.domain.errors import Interrupted
from app.domain.rollout import Rollout
from app.domain.step import BAKE
from workers.rollout.pipeline import (
    ATTEMPTS,
    begun_again,
    go_on,
    retire,
    undo,
)
from workers.rollout.run import Run

log = structlog.get_logger()


async def recover(run: Run) -> Rollout:
    """Ends the rollout that is in the journal: before its flip it is begun again, after it it goes on where it is well.

    Either happens at most ATTEMPTS times; then, as any failure, it goes back and pauses. What was going back already
    goes on with that, for its own cause.
    """
    left = run.rollout
    log.warning("a rollout was interrupted", tag=left.release.tag, rollout_id=left.id, step=left.running_step)
    if running := left.running:
        await run.record(lambda r: r.fail(running, 0.0, "the worker stopped"))
    run.flipped_at = run.ports.clock.monotonic()  # how long it really has the traffic is not known: a whole drain
    if left.reason_code is None and BAKE in left.completed:
        return await retire(run)
    if left.reason_code is None and left.past_flip and left.resumed < ATTEMPTS:
        await run.record(Rollout.resume)
        return await go_on(run)
    again = begun_again(left) if left.reason_code in {None, Interrupted.code} else None
    return await undo(run, Interrupted(f"the worker stopped in {left.running_step or 'between steps'}"), again=again)
