"""Formats values for people, without control characters."""

import json
import re
from datetime import UTC, datetime
from typing import Any

SHA_SHOWN = 12
MINUTE, HOUR = 60, 3600
KIB = 1024.0
TENTHS_BELOW = 10

# Escape sequences and control characters: a release's build output must not move the operator's cursor. Surrogates
# cannot be encoded.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(value: object) -> str:
    """`value` as text without escape sequences and control characters; newlines and tabs stay."""
    return _CONTROL.sub("", str(value))


def sha(value: object) -> str:
    return plain(value)[:SHA_SHOWN]


def release(tag: object, commit: object) -> str:
    """`v1.2.3 (0123456789ab)`, or only the known part; `nothing` if neither is known."""
    if tag and commit:
        return f"{plain(tag)} ({sha(commit)})"
    return plain(tag) if tag else sha(commit) if commit else "nothing"


def seconds(value: float) -> str:
    """`4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if value < TENTHS_BELOW:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


def size(count: float) -> str:
    """`3.2 GB`, in powers of 1024, as in the stack file."""
    for unit in ("B", "KB", "MB"):
        if abs(count) < KIB:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= KIB
    return f"{count:.1f} GB"


def moment(value: object) -> str:
    """`2026-01-02 03:04:05 UTC` from ISO 8601; other text stays the same."""
    at = instant(value)
    return at.strftime("%Y-%m-%d %H:%M:%S UTC") if at else plain(value)


def instant(value: object) -> datetime | None:
    """The time of an ISO 8601 text, in UTC; None for other text."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def document(value: Any) -> str:
    """One JSON document on one line."""
    return json.dumps(value, default=str)
