"""Finds host names in the values of variables and in commands. Pure.

A name counts as a host in a URL, before a port, as the whole value of a variable or option whose name says that it is
an address, and as the argument of a program that waits for a port. Names are returned in lower case.
"""

import re
from collections.abc import Iterator

_AUTHORITY = re.compile(r"[a-z][a-z0-9+.-]*://([^\s/?#\"'`<>|\\,]*)", re.I)
_HOST = re.compile(r"([a-z0-9_][\w-]*)\.?(?![\w.%${-])", re.I)
_BEFORE_PORT = re.compile(
    r"(?:(?<![\w.\-/$%{}:])|(?<=tcp:)|(?<=tcp4:)|(?<=connect:))([a-z0-9_][\w-]*):([1-9]\d{1,4})(?![\w@]|[.:-]\w)", re.I
)
_ADDRESS = re.compile(r"(?:host|hostname|url|uri|addr|address|upstream|target|endpoint)(?:e?s)?$", re.I)
_OPTION = re.compile(r"(?:--?([a-z][\w-]*)[=\s]|\b([a-z]\w*)=)(?=\s*(\S+))", re.I)
_WAITING = re.compile(
    r"(?:^|[\s;&|(/])(?:nc|ncat|telnet|wait-for(?:-it)?(?:\.sh)?)(?:\s+-\S+(?:\s+\d+)?)*\s+([\w-]+)(?=\s|$)"
)
_NO_CALL = re.compile(r"allow|trust|origin|cors|^no_proxy$|^virtual_host$|^hostname$|image$|tag$", re.I)
"""Variables with names by which a service is called, or with image names."""
_BETWEEN = re.compile(r"[\s,;]+")
_AROUND = "\"'[]"
_HIGHEST_PORT = 65_535


def of_variable(name: str, value: str) -> set[str]:
    """The hosts in the variable `name`."""
    if _NO_CALL.search(name):
        return set()
    return {*_in_text(value), *(_alone(value) if _ADDRESS.search(name) else ())}


def of_command(text: str) -> set[str]:
    """The hosts in a command line, or in the words of one, joined by white space."""
    found = {*_in_text(text), *(match[1].lower() for match in _WAITING.finditer(text))}
    for match in _OPTION.finditer(text):
        if _ADDRESS.search(match[1] or match[2]):
            found.update(_alone(match[3]))
    return found


def _in_text(text: str) -> Iterator[str]:
    for url in _AUTHORITY.finditer(text):
        if host := _HOST.match(url[1].rpartition("@")[2]):
            yield host[1].lower()
    for match in _BEFORE_PORT.finditer(text):
        if int(match[2]) <= _HIGHEST_PORT:
            yield match[1].lower()


def _alone(value: str) -> Iterator[str]:
    """The items of a list that is the whole value; a value with one item is such a list."""
    yield from (word.strip(_AROUND).lower() for word in _BETWEEN.split(value))
