"""Durations, sizes and numbers of a resolved Compose model in the units of the engine's API."""

import re

NANOSECONDS = 10**9
"""The engine's API counts time in nanoseconds and CPUs in billionths. https://docs.docker.com/reference/api/engine/"""

_PIECE = re.compile(r"(?P<number>\d+(?:\.\d+)?|\.\d+)(?P<unit>ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmgt]?)(?:i?b)?", re.IGNORECASE)
_BYTES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def seconds(duration: str) -> float:
    """Seconds of a duration such as `1m30s`, as Compose writes them. Raises ValueError."""
    pieces = list(_PIECE.finditer(duration))
    if not pieces or "".join(match[0] for match in pieces) != duration:
        raise ValueError(f"{duration} is no duration such as 1m30s")
    return sum(float(match["number"]) * _SECONDS[match["unit"]] for match in pieces)


def nanoseconds(duration: str) -> int:
    """Raises ValueError."""
    return round(seconds(duration) * NANOSECONDS)


def size(text: str | float) -> int:
    """Bytes of a size such as `64m` or `67108864`. Raises ValueError."""
    match = _SIZE.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(f"{text} is no size such as 64m")
    return round(float(match["number"]) * _BYTES[match["unit"].lower()])


def nano_cpus(number: str | float) -> int:
    return round(float(number) * NANOSECONDS)
