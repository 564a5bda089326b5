"""Finds host names in the values of variables and in commands. Pure.

A name counts as a host in a URL, before a known port, before any port or as the whole value of a variable or option
whose name says that it is an address, and as the argument of a program that waits for a port. Users, images and limits
look like `name:number` too. Names are returned in lower case.

Values are as long as their authors like: each pattern reads a text in linear time, so none starts again inside a run
of characters that it has read. No group is possessive: before Python 3.11.5, one with a repetition inside may not match
(https://github.com/python/cpython/issues/106052).
"""

import re
from collections.abc import Collection, Iterator

_AUTHORITY = re.compile(r"(?<=[a-z0-9+.-])://([^\s/?#\"'`<>|\\,]*)", re.I)
_HOST = re.compile(r"([a-z0-9_][\w-]*)\.?(?![\w.%${-])", re.I)
_BEFORE_PORT = re.compile(
    r"(?:(?<![\w.\-/$%{}:])|(?<=tcp:)|(?<=tcp4:)|(?<=connect:))([a-z0-9_][\w-]*):([1-9]\d{1,4})(?![\w@]|[.:-]\w)", re.I
)
_SOCKET = re.compile(r"(?:tcp4?|connect):$", re.I)
_OPTION = re.compile(r"(?:(?<![\w-])--?([a-z][\w-]*)[=\s]|\b([a-z]\w*)=)(?=\s*([^\s=]++))", re.I)
_WAITING = re.compile(
    r"(?:^|[\s;&|(/])(?:nc|ncat|telnet|wait-for(?:-it)?(?:\.sh)?)(?=\s)(?:\s++-\S++(?:\s++\d++(?=\s))?)*"
    r"(?:\s++([\w-]++)(?::\d++)?(?=[\s;&|)'\"]|$))?"
)
_OWNER = re.compile(r"(?:^|[\s;&|(/\"'])(?:chown|su-exec|gosu|s6-setuidgid)(?=\s)(?:\s++-\S++)*(?:\s++[^\s;&|]++)?")
_IMAGE = re.compile(
    r"\b(?:docker|podman|nerdctl)\s++(?:(?:image|container|buildx)\s++)?"
    r"(?:run|create|pull|push|tag|build|save|rmi|inspect)\b[^;&|]*+"
)

_ADDRESS = re.compile(r"(?:(?<!v)host|hostname|url|uri|addr|address|upstream|endpoint)(?:e?s)?$", re.I)
_WITH_PORT = re.compile(rf"{_ADDRESS.pattern}|(?:target|backend|server|broker|proxy|peer|connect)s?$", re.I)
"""Names of addresses that have a port. Without one, a target may be that of a build, and a server a program's."""
_NO_CALL = re.compile(r"allow|trust|origin|cors|^no_proxy$|^virtual_host$|^hostname$|(?:image|tag)s?$", re.I)
"""Names of variables and options with names by which a service is called, or with image names."""
_NO_PORT = re.compile(
    r"(?:user|owner|group|run_?as|chown|limit|quota|ttl|timeout|interval|delay|retry|retrie|weight|share|percent"
    r"|priority|prioritie|scale|replica|size|concurrency|version|(?<![a-z])(?:p?[ug]id|rate|count)"
    r"|(?:build|node|npm|deploy|docker|bake)[_-]?target)s?$",
    re.I,
)
"""Names of variables and options in which the number after a name is no port."""
_BETWEEN = re.compile(r"[\s,;]+")
_AROUND = "\"'[]"
_NOTHING = "."
"""Stands where a value was, so that the next word does not become the value."""
_HIGHEST_PORT = 65_535
_ANY_PORT = range(_HIGHEST_PORT + 1)


def of_variable(name: str, value: str, ports: Collection[int]) -> set[str]:
    """The hosts in the variable `name`. `ports` are those at which routed services may be called."""
    if _NO_CALL.search(name):
        return set()
    found = set(_in_urls(value))
    if not _NO_PORT.search(name):
        found.update(_before_port(_calling(value), _ANY_PORT if _WITH_PORT.search(name) else ports))
    return {*found, *(_alone(value) if _ADDRESS.search(name) else ())}


def of_command(text: str, ports: Collection[int]) -> set[str]:
    """The hosts in a command line, or in the words of one, joined by white space."""
    text = _without(text, _NO_CALL)
    found = {*_in_urls(text), *_before_port(_calling(_without(text, _NO_PORT)), ports)}
    found.update(match[1].lower() for match in _WAITING.finditer(text) if match[1])
    for match in _OPTION.finditer(text):
        found.update(_of_option(match[1] or match[2], match[3]))
    return found


def _of_option(name: str, value: str) -> Iterator[str]:
    if _ADDRESS.search(name):
        yield from _alone(value)
    if _WITH_PORT.search(name) and not _NO_PORT.search(name):
        yield from _before_port(value, _ANY_PORT)


def _in_urls(text: str) -> Iterator[str]:
    for url in _AUTHORITY.finditer(text):
        if host := _HOST.match(url[1].rpartition("@")[2]):
            yield host[1].lower()


def _before_port(text: str, ports: Collection[int]) -> Iterator[str]:
    for match in _BEFORE_PORT.finditer(text):
        of_a_socket = _SOCKET.search(text[max(0, match.start() - len("connect:")) : match.start()])
        if int(match[2]) in (_ANY_PORT if of_a_socket else ports):
            yield match[1].lower()


def _calling(text: str) -> str:
    """The text without owners of files and processes, and without images to run."""
    return _IMAGE.sub(" ", _OWNER.sub(" ", text))


def _without(text: str, names: re.Pattern[str]) -> str:
    """The text without the values of the options that have such names."""
    kept, end = list[str](), 0
    for match in _OPTION.finditer(text):
        if names.search(match[1] or match[2]) and match.start(3) >= end:
            kept += [text[end : match.start(3)], _NOTHING]
            end = match.end(3)
    return "".join((*kept, text[end:]))


def _alone(value: str) -> Iterator[str]:
    """The items of a list that is the whole value; a value with one item is such a list."""
    yield from (word.strip(_AROUND).lower() for word in _BETWEEN.split(value))
