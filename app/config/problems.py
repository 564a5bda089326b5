"""What is wrong in the stack file, in an operator's words: each problem with its path in the file."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.config.routes.router_options import UNKNOWN_KEY

Place = tuple[int | str, ...]

_MAPPING, _LIST, _TEXT = "should be a mapping", "should be a list", "should be text"
_TRUTH, _WHOLE, _NUMBER = "should be true or false", "should be a whole number", "should be a number"
_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a known key",
    **dict.fromkeys(("model_type", "dict_type"), _MAPPING),
    **dict.fromkeys(("list_type", "tuple_type"), _LIST),
    "string_type": _TEXT,
    **dict.fromkeys(("bool_type", "bool_parsing"), _TRUTH),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), _NUMBER),
}
_SUBJECT = re.compile(r"^(?:Value error, |(?:Input|String|List|Dictionary|Tuple) (?=should))")


def problems(error: ValidationError, content: Any) -> list[str]:
    """Each problem of `content` once, as `path/in/the/file: problem`."""
    found = error.errors(include_url=False)
    lines = (line for each in found for line in _lines(_where(each, content), _words(each["type"], each["msg"])))
    return list(dict.fromkeys(lines))


def _words(kind: str, message: str) -> str:
    return _WORDS.get(kind) or _SUBJECT.sub("", message)


def _where(found: ErrorDetails, content: Any) -> Place:
    """The place in the file, with the key that is wrong there."""
    wrong = (found["ctx"]["key"],) if found["type"] == UNKNOWN_KEY else ()
    return (*_place(found["loc"], content), *wrong)


def _place(loc: Place, content: Any) -> Place:
    """`loc` in the file: where a short form stands for a mapping, the path ends there."""
    for n, key in enumerate(loc):
        if isinstance(content, str | int | float) or (isinstance(content, list) and not isinstance(key, int)):
            return loc[:n]
        try:
            content = content[key]
        except (KeyError, IndexError, TypeError):
            return loc
    return loc


def _lines(loc: Place, text: str) -> Iterator[str]:
    if not loc:
        yield from text.splitlines()
        return
    yield f"{'/'.join(str(part) for part in loc if part != '[key]')}: {text}"
