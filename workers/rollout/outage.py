"""Restores what a rollback stopped, also while the engine is away."""

from app.domain.errors import EngineFailed
from workers.rollout.run import Run
from workers.rollout.step import Step

AGAIN_SECONDS = 2.0
"""How often a rollback tries again to write the route file, and to restore a singleton or follower."""

MOST_FAILURES = 3
"""How often restoring may fail after the engine has answered: then a container is stuck, and an operator has to act."""


async def restored(run: Run, step: Step) -> bool:
    """Runs the step. Returns False only if the engine was away, which nothing but another attempt makes good."""
    before = run.ports.engine.times_away
    return await run.attempt(step) or run.ports.engine.times_away == before


async def restore_at_last(run: Run, step: Step) -> None:
    """Tries as long as the engine is away. If it answers, but not this step, MOST_FAILURES times."""
    failures = 0
    while not await restored(run, step) and failures < MOST_FAILURES:
        await run.ports.clock.sleep(AGAIN_SECONDS)
        failures += await _engine_answers(run)


async def _engine_answers(run: Run) -> bool:
    try:
        await run.ports.engine.ready()
    except EngineFailed:
        return False
    return True
