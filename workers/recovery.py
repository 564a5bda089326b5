"""What a rollout that the worker did not see the end of becomes."""

from dataclasses import replace

import structlog

from app.domain.errors import Interrupted
from app.domain.release import Trigger
from app.domain.rollout import Rollout
from workers.rollout import retire, undo
from workers.run import Run

ATTEMPTS = 3
"""How often the same release is begun again before an interruption counts as its failure."""

log = structlog.get_logger()


async def recover(run: Run) -> Rollout:
    """Ends the rollout that is in the journal: forward after its bake, else back; before its flip it is queued again.

    Its release is queued at most ATTEMPTS times; after the flip an interruption pauses, as any failure does.
    """
    left = run.rollout
    log.warning("a rollout was interrupted", tag=left.release.tag, rollout_id=left.id, step=left.running_step)
    running = left.running_step
    if running:
        await run.record(lambda r: r.fail(running, 0.0, "the worker stopped"))
    if "bake" in left.steps_completed:
        return await retire(run)
    again = not left.past_flip and left.reason_code is None and left.release.attempts + 1 < ATTEMPTS
    run.pause_on_failure = run.pause_on_failure and not again
    ended = await undo(run, Interrupted(f"in {left.running_step or 'between steps'}"))
    if again:
        release = replace(left.release, attempts=left.release.attempts + 1, trigger=Trigger.RECOVERY)
        await run.update(lambda s: s.requeue(release))
    return ended
