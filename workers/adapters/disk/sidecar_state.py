"""Reads the old sidecar's state file, which has some of our keys but no schema and no checksum."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.domain.stack import Color
from app.domain.state import State

KEYS = frozenset(
    {
        *("active_color", "last_good_tag", "paused", "pause_reason", "last_checked_at", "last_attempted_tag"),
        *("last_success_at", "last_failure_at", "resumed_at"),
    }
)
OURS = frozenset({"schema", "checksum"})
NO_REASON = "The sidecar before this updater had paused rollouts and gave no reason."


def is_sidecar_state(fields: object) -> bool:
    """Returns whether a JSON value is a sidecar's state file: it has some of KEYS and none of OURS."""
    return isinstance(fields, dict) and bool(KEYS & set(fields)) and not OURS & set(fields)


def sidecar_state(fields: Mapping[str, Any]) -> State:
    """Converts the file's fields. Ignores values of the wrong type, but always keeps a pause."""
    paused = bool(fields.get("paused"))
    color = _text(fields, "active_color")
    return State(
        active_color=Color(color) if color in {str(c) for c in Color} else None,
        last_good_tag=_text(fields, "last_good_tag"),
        last_attempted_tag=_text(fields, "last_attempted_tag"),
        paused=paused,
        pause_reason=(_text(fields, "pause_reason") or NO_REASON) if paused else None,
        last_checked_at=_moment(fields, "last_checked_at"),
        last_success_at=_moment(fields, "last_success_at"),
        last_failure_at=_moment(fields, "last_failure_at"),
        resumed_at=_moment(fields, "resumed_at"),
    )


def _text(fields: Mapping[str, Any], key: str) -> str | None:
    value = fields.get(key)
    return value.strip() or None if isinstance(value, str) else None


def _moment(fields: Mapping[str, Any], key: str) -> datetime | None:
    """Parses a timestamp. Without a time zone it is UTC, as the sidecar wrote it."""
    try:
        moment = datetime.fromisoformat(_text(fields, key) or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
