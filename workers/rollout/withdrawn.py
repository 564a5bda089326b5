"""Asks whether the release of a rollout was withdrawn on GitHub: right before its flip, and when its tag is gone."""

import structlog

from app.domain.errors import LedgerUnavailable, TagMoved, TagNotFound, UpdaterError
from app.domain.withdrawal import Withdrawal
from workers.rollout import stop
from workers.rollout.run import Run

log = structlog.get_logger()


FRESH_SECONDS = 1.0
"""The age up to which an answer counts for the flip. An older one may be that of a process that was suspended."""

QUESTIONS = 2
"""How often to ask until an answer is fresh: a slow Redis must not hold the flip up for long."""


async def raise_if_withdrawn(run: Run) -> None:
    """Raises Withdrawn. The nudge of a withdrawal may be lost, and the worker's next look may come after the flip."""
    release, clock = run.rollout.release, run.ports.clock
    for _ in range(QUESTIONS):
        asked_at = clock.monotonic()
        if any(withdrawal.covers(release.key, release.published_at) for withdrawal in await _withdrawals(run)):
            raise stop.withdrawn()
        if clock.monotonic() - asked_at < FRESH_SECONDS:
            return


async def _withdrawals(run: Run) -> list[Withdrawal]:
    """All that are known; none if Redis does not answer."""
    try:
        return await run.ports.inbox.withdrawals()
    except LedgerUnavailable as away:
        log.warning("withdrawals cannot be read before the flip", tag=run.rollout.release.tag, reason=str(away))
        return []


async def cause_of(run: Run, error: UpdaterError) -> UpdaterError:
    """Withdrawn if the tag is missing or moved because the release was withdrawn, also without a webhook; else `error`.

    Only asked when the rollout would fail: right after the publication, GitHub's servers may lack release and tag.
    """
    if isinstance(error, TagNotFound | TagMoved) and await run.was_withdrawn(run.rollout.release):
        return stop.withdrawn()
    return error
