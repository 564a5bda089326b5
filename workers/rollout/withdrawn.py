"""Asks whether the release of a rollout was withdrawn on GitHub: right before its flip, and when its tag is gone."""

import structlog

from app.domain.errors import LedgerUnavailable, TagMoved, TagNotFound, UpdaterError
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


async def cause_of(run: Run, error: UpdaterError) -> UpdaterError:
    """Withdrawn if the tag is missing or moved because the release was withdrawn, also without a webhook; else `error`.

    Only asked when the rollout would fail: right after the publication, GitHub's servers may lack release and tag.
    """
    if isinstance(error, TagNotFound | TagMoved) and await run.was_withdrawn(run.rollout.release):
        return stop.withdrawn()
    return error
