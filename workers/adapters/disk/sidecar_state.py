"""Reads the old sidecar's state file, which has some of our keys but no schema and no checksum."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.domain.stack import Color
from app.domain.state import State

TEXTS = ("last_good_tag", "last_attempted_tag", "pause_reason")
MOMENTS = ("last_checked_at", "last_success_at", "last_failure_at", "resumed_at")
KEYS = frozenset({"active_color", "paused", *TEXTS, *MOMENTS})
OURS = frozenset({"schema", "checksum"})
NO_REASON = "The sidecar before this updater had paused rollouts and gave no reason."
UNCLEAR = (
    "In the old sidecar's state file, `paused` is {}, which is neither true nor false. So rollouts stay paused. Check "
    "whether the sidecar was paused, and why, then run `updater unpause`."
)
YES, NO = {"true", "yes", "on", "1", "1.0"}, {"false", "no", "off", "0", "0.0", "", "none", "null"}
"""How programs write true and false, in lower case."""

SHOWN = 60
"""How many characters of a value a message shows."""


def is_sidecar_state(fields: object) -> bool:
    """Returns whether a JSON value is a sidecar's state file: it has some of KEYS and none of OURS."""
    return isinstance(fields, dict) and bool(KEYS & set(fields)) and not OURS & set(fields)


def sidecar_state(fields: Mapping[str, Any]) -> State:
    """Converts the file's fields. Ignores values of the wrong type, which `ignored` lists, but always keeps a pause."""
    paused = _paused(fields)
    reason = UNCLEAR.format(_shown(fields.get("paused"))) if paused is None else NO_REASON
    return State(
        active_color=_color(fields),
        last_good_tag=_text(fields, "last_good_tag"),
        last_attempted_tag=_text(fields, "last_attempted_tag"),
        paused=paused is not False,
        pause_reason=(_text(fields, "pause_reason") or reason) if paused is not False else None,
        last_checked_at=_moment(fields, "last_checked_at"),
        last_success_at=_moment(fields, "last_success_at"),
        last_failure_at=_moment(fields, "last_failure_at"),
        resumed_at=_moment(fields, "resumed_at"),
    )


def ignored(fields: Mapping[str, Any]) -> list[str]:
    """The values that `sidecar_state` does not take over unchanged: the key, its value, and what counts instead."""
    known: dict[str, object] = {
        "active_color": _color(fields),
        **{key: _text(fields, key) for key in TEXTS},
        **{key: _moment(fields, key) for key in MOMENTS},
    }
    dropped = [
        f"{key} is {_shown(fields[key])}, which is not {_expected(key)}: it counts as missing"
        for key, value in known.items()
        if value is None and fields.get(key) not in (None, "")
    ]
    if not isinstance(fields.get("paused"), bool | None):
        counts = {True: "true", False: "false", None: "true until an operator unpauses"}[_paused(fields)]
        dropped.append(f"paused is {_shown(fields['paused'])}, which is not true or false: it counts as {counts}")
    return dropped


def _paused(fields: Mapping[str, Any]) -> bool | None:
    """None if the value is unclear."""
    value = fields.get("paused")
    if isinstance(value, int | float):
        return bool(value)
    word = "" if value is None else str(value).strip().lower()
    return True if word in YES else False if word in NO else None


def _color(fields: Mapping[str, Any]) -> Color | None:
    color = (_text(fields, "active_color") or "").lower()
    return Color(color) if color in {str(c) for c in Color} else None


def _text(fields: Mapping[str, Any], key: str) -> str | None:
    value = fields.get(key)
    return value.strip() or None if isinstance(value, str) else None


def _moment(fields: Mapping[str, Any], key: str) -> datetime | None:
    """Parses a timestamp, in ISO 8601 or seconds since 1970. Without a time zone it is UTC, as the sidecar wrote it."""
    value = fields.get(key)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(_text(fields, key) or "")
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _expected(key: str) -> str:
    if key == "active_color":
        return " or ".join(Color)
    return "a time" if key in MOMENTS else "a string"


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
