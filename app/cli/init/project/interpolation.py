"""Compose's interpolation without an environment: defaults apply, a variable without a default stays as written.

https://docs.docker.com/reference/compose-file/interpolation/
"""

import re
from typing import Any

_OPEN, _CLOSE = "\ue000", "\ue001"
"""Placeholders for the braces of a variable without a value, so that a default around it can be parsed."""

_DOLLAR = "$$"
_ANY = re.compile(r"\$(?:\{|\w)")
_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?:(?P<sign>:?[-?+])(?P<text>[^{}]*))?\}")


def with_defaults(value: Any) -> Any:
    """The model `value` with each `${NAME:-default}` replaced by its default; keys are unchanged."""
    if isinstance(value, str):
        return _text(value) if "$" in value else value
    if isinstance(value, dict):
        return {key: with_defaults(each) for key, each in value.items()}
    if isinstance(value, list):
        return [with_defaults(each) for each in value]
    return value


def has_variable(value: object) -> bool:
    """Whether text of the Compose file has a variable."""
    return isinstance(value, str) and _ANY.search(value.replace(_DOLLAR, "")) is not None


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
