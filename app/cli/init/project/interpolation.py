"""Compose's interpolation without an environment: a default applies, a variable without one stays as it is written.

https://docs.docker.com/reference/compose-file/interpolation/
"""

import re
from typing import Any

_OPEN, _CLOSE = "\ue000", "\ue001"
"""Stand for the braces of a variable that has no value, so that a default around it can be read."""

_DOLLAR = "$$"
_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?:(?P<sign>:?[-?+])(?P<text>[^{}]*))?\}")


def with_defaults(value: Any) -> Any:
    """`value`, a whole model, with each `${NAME:-default}` replaced by its default; keys stay."""
    if isinstance(value, str):
        return _text(value) if "$" in value else value
    if isinstance(value, dict):
        return {key: with_defaults(each) for key, each in value.items()}
    if isinstance(value, list):
        return [with_defaults(each) for each in value]
    return value


def _text(text: str) -> str:
    previous = None
    while text != previous:  # the innermost first; each pass leaves fewer variables
        previous, text = text, _VARIABLE.sub(_replaced, text)
    return text.replace(_OPEN, "${").replace(_CLOSE, "}")


def _replaced(match: re.Match[str]) -> str:
    if match[0] == _DOLLAR:
        return _DOLLAR
    sign = (match["sign"] or "").lstrip(":")
    if sign == "-":
        return match["text"]
    return "" if sign == "+" else f"{_OPEN}{match['name']}{_CLOSE}"
