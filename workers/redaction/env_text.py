"""Reads `NAME=value` without Compose: in files that Compose cannot read, and in files that changed a moment ago.

It yields each value in every way in which it can be read, and so hides more than Compose's own reading, never less.
"""

import re
from collections.abc import Iterator

_ASSIGNMENT = re.compile(
    r"""^[ \t]*(?:-[ \t]+)?(?:export[ \t]+)?["']?(?P<name>[A-Za-z_][\w.-]*)["']?[ \t]*[=:][ \t]*(?P<rest>.*)$""", re.M
)
_QUOTED = re.compile(r'"(?P<double>(?:[^"\\]|\\.)*)"|\'(?P<single>(?:[^\'\\]|\\.)*)\'', re.S)
_COMMENT = re.compile(r"\s#.*")
_ESCAPE = re.compile(r"\\(.)", re.S)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}

_PLAIN_LINE = re.compile(
    r"""(?:[A-Za-z_][A-Za-z0-9_]*=(?:[A-Za-z0-9_./:@%+,=-]*|'[ !"#-&(-\[\]-~]*'|"[ !#%-\[\]-~]*")|\#[ -~]*)?"""
)
"""Nothing, a comment, or a value that ends with its line and in which Compose resolves nothing but the quotes."""


def is_plain(text: str) -> bool:
    """Whether Compose reads every value as one of those that `assignments` yields: no escapes, no variables."""
    return all(_PLAIN_LINE.fullmatch(line) for line in text.split("\n"))


def assignments(text: str) -> Iterator[tuple[str, str]]:
    """Yields each name with each reading of its value: with and without comment, quotes and escapes."""
    for found in _ASSIGNMENT.finditer(text):
        for value in dict.fromkeys(_readings(text, found.start("rest"), found["rest"].strip())):
            yield found["name"], value


def loose_lines(text: str) -> Iterator[str]:
    """Yields the lines that are no assignment, no comment and no part of a quoted value: maybe those of a secret."""
    inside = 0
    at = 0
    for line in text.splitlines(keepends=True):
        found = _ASSIGNMENT.match(line.rstrip("\r\n"))
        if found and at >= inside and (quoted := _QUOTED.match(text, at + found.start("rest"))):
            inside = quoted.end()
        elif not found and at >= inside and line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()
        at += len(line)


def _readings(text: str, at: int, rest: str) -> Iterator[str]:
    yield rest
    yield rest.strip("'\"")
    yield (plain := _COMMENT.sub("", rest))
    yield plain.rstrip(",").strip("'\"")
    if quoted := _QUOTED.match(text, at):
        inside = quoted["double"] if quoted["double"] is not None else quoted["single"]
        yield inside
        yield _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), inside)
