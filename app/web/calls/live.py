"""The live release, read from the status."""

from datetime import UTC, datetime

from app.api.model import time_in
from app.api.rollout import Result
from app.api.status import PublishedStatus
from app.domain.errors import AlreadyLive
from app.domain.release import stays_failed
from app.domain.tags import DatedTag, is_name


def live_tag(status: PublishedStatus) -> DatedTag | None:
    """The live release's tag, and when it was published; None if nothing is live, or if its tag is unknown."""
    live = status.current
    return DatedTag(live.tag, time_in(live.published_at)) if live and is_name(live.tag) else None


def is_live(status: PublishedStatus, tag: str) -> bool:
    """Whether the release `tag` is live, its rollout succeeded, and no other one is about to replace it."""
    return is_current(status, tag) and live_is_well(status) and status.rollout is None


def is_current(status: PublishedStatus, tag: str) -> bool:
    """Whether `tag` is the release that went live last, well or not."""
    return status.current is not None and status.current.tag == tag


def live_is_well(status: PublishedStatus) -> bool:
    """Whether a release is live and its rollout succeeded.

    Without an active color the updater does not know what serves: another program may have moved the traffic.
    """
    live = status.current if status.active_color is not None else None
    return live is not None and not stays_failed(live.tag, status.last_good_tag)


def live_result(status: PublishedStatus, at: datetime | None = None) -> Result:
    """The final result if the requested release is already live: a success without steps."""
    live, now = status.current, (at or datetime.now(UTC)).isoformat()
    assert live is not None  # noqa: S101 - called only if a release is live
    return Result(
        status="success",
        rollout_id=live.rollout_id,
        tag=live.tag,
        previous_sha=live.sha,
        new_sha=live.sha,
        active_color=status.active_color,
        target_color=status.active_color,
        paused=status.paused,
        pause_reason=status.pause_reason,
        reason_code=AlreadyLive.code,
        started_at=now,
        completed_at=now,
    )
