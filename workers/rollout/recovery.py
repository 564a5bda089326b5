"""Ends a rollout that an earlier worker left unfinished."""

import structlog

from app.domain.errors import Interrupted
from app.domain.rollout import Rollout
from app.domain.step import BAKE, ROUTE_SWITCH
from workers.rollout.pipeline import (
    ATTEMPTS,
    begun_again,
    go_on,
    retire,
    undo,
)
from workers.rollout.run import Run
from workers.rollout.steps import routes
from workers.rollout.stop import stop_of

log = structlog.get_logger()


async def recover(run: Run) -> Rollout:
    """Ends the rollout in the journal. Before the flip, it is attempted again; after it, it continues if healthy.

    Either happens at most ATTEMPTS times. After that it rolls back and pauses, like any failure. A rollback in
    progress continues and keeps its original cause.
    """
    left, where = run.rollout, run.rollout.running_step or "between steps"
    log.warning("a rollout was interrupted", tag=left.release.tag, rollout_id=left.id, step=left.running_step)
    if running := left.running:
        await run.record(lambda r: r.fail(running, 0.0, "the worker stopped"))
    if not left.past_flip and await routes.has_flipped(run):
        await _record_flip(run)
        left = run.rollout
    run.flipped_at = run.ports.clock.monotonic()  # the real time of the flip is unknown: drain in full
    if left.reason_code is None and left.stopping is not None:
        return await undo(run, stop_of(left.stopping))
    if left.reason_code is None and BAKE in left.completed:
        return await retire(run)
    if left.reason_code is None and left.past_flip and left.resumed < ATTEMPTS:
        await run.record(Rollout.resume)
        return await go_on(run)
    again = begun_again(left) if left.reason_code in {None, Interrupted.code} else None
    return await undo(run, Interrupted(f"the worker stopped in {where}"), again=again)


async def _record_flip(run: Run) -> None:
    """The last write of the state file can be lost or torn: then the route file is ahead of the journal, and counts."""
    at = run.ports.clock.now()
    await run.record(lambda r: r.begin(ROUTE_SWITCH, at).fail(ROUTE_SWITCH, 0.0, "the worker stopped"))
