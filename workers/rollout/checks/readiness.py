"""Waits until a singleton is ready. Runs its health check instead of waiting for the engine's next run."""

from dataclasses import dataclass
from typing import Any

from workers.ports import CheckResult, Instance
from workers.rollout.run import Run

SETTLE_INTERVAL = 0.2
SETTLE_SECONDS = 5.0
"""How long a singleton without its own health check must run before it counts as ready."""


@dataclass(frozen=True)
class Readiness:
    """Whether `instance` became ready. `last` is the last result of the `checks` runs of its own health check.

    A run that the end of the wait cut short says less than an earlier one, so it does not replace an earlier `last`.
    """

    instance: Instance
    ready: bool
    checks: int = 0
    last: CheckResult | None = None

    def __str__(self) -> str:
        words = self.last.words if self.last else "nothing"
        state, health = self.instance.state, self.instance.health
        return f"its container is {state}, its own check says {words}, the engine says {health}"

    def evidence(self) -> dict[str, Any]:
        """`own_check` is the engine's verdict at that moment."""
        return {"own_check": self.instance.health, "checks": self.checks}


async def wait_ready(run: Run, instance: Instance) -> Readiness:
    """Waits until the singleton's `instance` is ready, has ended or restarted, or `times.ready` has passed.

    Runs the instance's own check every `checks.interval` until it passes; a check that hangs ends at its own limit. The
    engine's verdicts `healthy` and `unhealthy` count too. An instance that the engine calls unhealthy is not ready, but
    the wait continues, because that verdict may be one interval old. Without a check, the instance is ready after
    SETTLE_SECONDS.
    """
    clock, engine = run.ports.clock, run.ports.engine
    started, checks, last = clock.monotonic(), 0, None
    while True:
        now, waited = await engine.inspect(instance.id), clock.monotonic() - started
        ready = _is_ready(now, last, waited)
        if ready or not now.running or now.restarts > 0 or waited >= run.stack.times.ready:
            return Readiness(now, ready, checks, last)
        if now.health is None:
            await clock.sleep(SETTLE_INTERVAL)
            continue
        result, checks = await engine.check(instance.id, run.stack.times.ready - waited), checks + 1
        in_time = clock.monotonic() - started < run.stack.times.ready
        last = result if in_time or result.passed or last is None else last
        if not result.passed or now.health == "unhealthy":
            await clock.sleep(run.stack.checks.interval)


def _is_ready(now: Instance, last: CheckResult | None, waited: float) -> bool:
    if not now.running or now.restarts > 0 or now.health == "unhealthy":
        return False
    if now.health is None:
        return waited >= SETTLE_SECONDS
    return now.health == "healthy" or (last is not None and last.passed)
