"""Durations such as `90s`, `15m`, `1h` and `7d`."""

import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_FORM = re.compile(r"([0-9]{1,9})([smhd])")


def seconds_in(text: str) -> float:
    """Seconds of the duration `text`. Raises ValueError."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError("should be a duration such as 90s, 15m, 1h or 7d")
    return float(int(match[1]) * _UNITS[match[2]])
