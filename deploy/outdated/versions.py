"""Compares versions within one line of releases. Pure."""

import re
from collections.abc import Iterable

VERSION = re.compile(r"(?P<prefix>v?)(?P<numbers>\d+(?:\.\d+)*)(?P<suffix>(?:-[\w.-]+)?)")

Numbers = tuple[int, ...]


def newest(current: str, offered: Iterable[str], line: int) -> str:
    """The newest of `offered` in the line of `current`, or `current` if none is newer.

    The line: the same form (prefix, suffix, count of numbers), and the same first `line` numbers.
    """
    form, numbers = _parsed(current)
    candidates = {version: _parsed(version) for version in (*offered, current)}
    same = {v: n for v, (f, n) in candidates.items() if f == form and n[:line] == numbers[:line]}
    best = max(same, key=lambda version: same[version])
    return best if same[best] > numbers else current


def _parsed(version: str) -> tuple[tuple[str, str, int], Numbers]:
    """The form of `version`, and its numbers. A version of another kind has a form of its own."""
    match = VERSION.fullmatch(version)
    if match is None:
        return (version, "", 0), ()
    numbers = tuple(map(int, match["numbers"].split(".")))
    return (match["prefix"], match["suffix"], len(numbers)), numbers
