"""Watches the answers that clients of the new color get, as Traefik counts them."""

from collections.abc import Mapping

from app.domain.errors import BakeFailed, TrafficUnknown
from app.domain.stack import Color
from app.domain.traffic import Tally, Traffic
from workers.rollout.run import Run

LOOK_INTERVAL = 1.0
NOT_SET = "not watched: traefik/metrics is not set in the stack file"


async def before_flip(run: Run) -> Traffic:
    """The counts before the flip. Counts that cannot be read do not delay the flip.

    When its file no longer names a color, Traefik keeps that color's counts until they are read once more, then
    restarts them. So the counts are read twice, and the second reading is the baseline.
    """
    if await _counted(run) is None or (counted := await _counted(run)) is None:
        return Traffic()
    origin = run.rollout.origin
    return Traffic(counted[origin] if origin else {}, counted[run.target])


async def watch(run: Run, until: float) -> None:
    """Checks every LOOK_INTERVAL seconds and once at the end. Raises BakeFailed once clients surely fare worse."""
    clock, last = run.ports.clock, False
    while not last:
        last = clock.monotonic() >= until
        await _look(run)
        if failing := run.traffic.failing(run.stack.checks.errors):
            raise BakeFailed(run.traffic.said(failing), service=failing)
        await clock.sleep(0 if last else max(0.0, min(LOOK_INTERVAL, until - clock.monotonic())))
    if run.ports.traffic is not None and run.traffic.unknown:
        warning = f"The answers to clients were not judged. {run.traffic.unknown}"
        await run.record(lambda r: r.warn(warning))


async def _look(run: Run) -> None:
    if run.ports.traffic is None:
        run.traffic.unknown = NOT_SET
        return
    try:
        run.traffic.count((await run.ports.traffic.tallies())[run.target])
        run.traffic.unknown = None
    except TrafficUnknown as error:
        run.traffic.unknown = str(error)


async def _counted(run: Run) -> Mapping[Color, Mapping[str, Tally]] | None:
    try:
        return await run.ports.traffic.tallies() if run.ports.traffic else None
    except TrafficUnknown:
        return None
