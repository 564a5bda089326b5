"""The live release, read from the status."""

from datetime import UTC, datetime
from typing import Any

from app.domain.errors import AlreadyLive
from app.domain.release import Version

Status = dict[str, Any]


def live_tag(status: Status | None) -> str | None:
    """The live release's tag in the worker's status; None when nothing is live, or it is not known what."""
    current = (status or {}).get("current") or {}
    tag = current.get("tag")
    return tag if Version.read(tag) else None


def is_live(status: Status, tag: str) -> bool:
    """Whether the release `tag` is live and well."""
    return live_is_well(status) and status["current"]["tag"] == tag


def live_is_well(status: Status) -> bool:
    """Whether a release is live and its rollout succeeded.

    A release that cannot be rolled back stays live when its rollout fails.
    """
    current: Status = status.get("current") or {}
    return bool(current) and status.get("last_good_tag") in {None, current["tag"]}


def live_result(status: Status, at: datetime | None = None) -> dict[str, Any]:
    """The final result for a caller who asks for what is live already: a success without steps."""
    current, color = status["current"], status["active_color"]
    now = (at or datetime.now(UTC)).isoformat()
    return {
        "status": "success",
        "rollout_id": current.get("rollout_id") or "",
        "tag": current["tag"],
        "previous_sha": current["sha"],
        "new_sha": current["sha"],
        "active_color": color,
        "target_color": color,
        "paused": status["paused"],
        "pause_reason": status["pause_reason"],
        "steps_completed": [],
        "error": None,
        "reason_code": AlreadyLive.code,
        "warnings": [],
        "duration_seconds": 0.0,
        "started_at": now,
        "completed_at": now,
        "evidence": {},
    }
