"""`90s`, `15m`, `1h`, `7d`: a length of time as a person writes it."""

import re

from app.cli.errors import WrongUse

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_FORM = re.compile(r"([0-9]{1,9})([smhd])")


def parse_duration(text: str) -> float:
    """Seconds. Raises WrongUse."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise WrongUse(f"{text!r} is no length of time.", "Write it as 90s, 15m, 1h or 7d.")
    return float(int(match[1]) * _UNITS[match[2]])
