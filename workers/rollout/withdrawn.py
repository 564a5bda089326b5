"""Asks once more, right before the flip, whether the release was withdrawn on GitHub."""

import structlog

from app.domain.errors import LedgerUnavailable
from workers.rollout import stop
from workers.rollout.run import Run

log = structlog.get_logger()


async def raise_if_withdrawn(run: Run) -> None:
    """Raises Withdrawn. The nudge of a withdrawal may be lost, and the worker's next look may come after the flip."""
    release = run.rollout.release
    try:
        found = await run.ports.inbox.withdrawals()
    except LedgerUnavailable as away:
        log.warning("withdrawals cannot be read before the flip", tag=release.tag, reason=str(away))
        return
    if any(withdrawal.covers(release.key, release.published_at) for withdrawal in found):
        raise stop.withdrawn()
