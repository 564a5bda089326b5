"""Splits the command of a health check into its programs, and reads the options of curl and wget. Pure.

https://curl.se/docs/manpage.html
https://www.gnu.org/software/wget/manual/wget.html
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from app.cli.init.project.health_options import HealthOptions, health_options

_SHELLS = frozenset({"sh", "ash", "bash", "dash", "zsh"})
_BETWEEN = re.compile(r"[;&|()]+")
_HEADERS = {"H": "", "header": "", "A": "User-Agent", "user-agent": "User-Agent"}
_METHOD = frozenset({"X", "request", "method"})
_WITH_VALUE = {
    "curl": frozenset("HAXdubeomwTFxKCDEPQrtUYyz"),
    "wget": frozenset("OTtUYoaePwQB"),
}
"""Short options that take a value."""

_HARMLESS = {
    "curl": frozenset(
        {*"fsSLkqvgiN#46om", "fail", "silent", "show-error", "location", "insecure", "fail-with-body", "fail-early"}
        | {"no-progress-meter", "verbose", "include", "globoff", "ipv4", "ipv6", "http1.1", "compressed", "disable"}
        | {"no-buffer", "no-keepalive", "retry-connrefused", "retry-all-errors", "output", "max-time", "url", "noproxy"}
        | {"connect-timeout", "retry", "retry-delay", "retry-max-time", "cacert", "progress-bar"}
    ),
    "wget": frozenset(
        {
            *"qvSOTtYn46o",
            "quiet",
            "spider",
            "verbose",
            "no-verbose",
            "no-check-certificate",
            "output-document",
            "timeout",
        }
        | {"tries", "proxy", "no-proxy", "server-response", "inet4-only", "inet6-only", "connect-timeout", "no-cache"}
        | {"read-timeout", "dns-timeout", "waitretry", "retry-connrefused", "output-file", "wait", "content-on-error"}
    ),
}
"""Options that change neither the request nor what counts as healthy. HEAD (wget's `spider`) gets GET's status."""

_MORE = re.compile(
    r"header|cookie|\bauth|method|\bdata\b|\.post\(|\bjson\b|\.body\b|\.text\b"
    r"|==\s*b?['\"]|\bin\s+\S*read\(",
    re.IGNORECASE,
)
_OTHER_STATUS = re.compile(r"(?:status\w*|code)\W{1,6}(?!200\b|299\b|300\b)[1-5]\d\d\b", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s'\"]+")


@dataclass(frozen=True)
class Program:
    """One program of the command: its text, with variables as written, and what its options say."""

    text: str
    options: HealthOptions


def programs(test: object) -> Iterator[Program]:
    """The programs of `test`, a health check's list or line."""
    words = [str(each) for each in test] if isinstance(test, list) else ["CMD-SHELL", str(test or "")]
    kind, *rest = words or [""]
    if kind == "CMD-SHELL":
        yield from _of_line(" ".join(rest))
        return
    command = rest if kind == "CMD" else words
    if command and PurePosixPath(command[0]).name in _SHELLS:
        yield from _of_line(command[-1])
    elif command:
        yield _program(command, compares=False)


def _of_line(line: str) -> Iterator[Program]:
    line = line.replace("$$", "$")
    compares = "$(" in line or "`" in line
    words: list[str] = []
    for word in [*_split(line), ";"]:
        if not _BETWEEN.fullmatch(word):
            words.append(word)
            continue
        if words and PurePosixPath(words[0]).name in _SHELLS:
            yield from _of_line(words[-1])
        elif words:
            yield _program(words, compares=compares or word == "|")
        words = []


def _split(line: str) -> list[str]:
    """The words of a shell line, and what is between its programs as words of their own."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        return list(lexer)
    except ValueError:
        return line.split()


def _program(words: Sequence[str], *, compares: bool) -> Program:
    text = " ".join(words).replace("$$", "$")
    tool = next((PurePosixPath(word).name for word in words if PurePosixPath(word).name in _HARMLESS), "")
    doubts = ["looks at the answer too"] if compares else []
    if tool:
        start = next(n for n, word in enumerate(words) if PurePosixPath(word).name == tool)
        return Program(text, _of_tool(tool, words[start + 1 :], doubts))
    if not compares and _looks_at_more(text):
        doubts.append("may send more than a path, or expect more than a status of success")
    return Program(text, HealthOptions(doubts=tuple(doubts)))


def _looks_at_more(text: str) -> bool:
    code = _URL.sub("", text)
    return _MORE.search(code) is not None or _OTHER_STATUS.search(code) is not None


def _of_tool(tool: str, words: Sequence[str], doubts: list[str]) -> HealthOptions:
    headers: list[tuple[str, str]] = []
    for option, value in _options(tool, words):
        if option in _HEADERS and (tool == "curl" or option not in {"H", "A"}):
            name, _, text = (_HEADERS[option], "", value) if _HEADERS[option] else value.partition(":")
            headers.append((name, text))
        elif option not in _HARMLESS[tool] and (option not in _METHOD or value.upper() != "GET"):
            doubts.append(f"uses {tool}'s option {'-' if len(option) == 1 else '--'}{option}")
    if any(re.search(r"://[^/\s]*@", word) for word in words):
        doubts.append("sends a user's name or password")
    return health_options(headers, doubts=doubts)


def _options(tool: str, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each option without its dashes, and its value, empty if it has none."""
    left = list(words)
    while left:
        word = left.pop(0)
        if word.startswith("--"):
            name, given, value = word[2:].partition("=")
            yield name, value if given else next(iter(left), "")
        elif word.startswith("-"):
            yield from _short(tool, word[1:], left)


def _short(tool: str, letters: str, left: list[str]) -> Iterator[tuple[str, str]]:
    """Short options written together; the last one may have its value behind it or in the next word."""
    for n, letter in enumerate(letters):
        if letter in _WITH_VALUE[tool]:
            yield letter, letters[n + 1 :] or (left.pop(0) if left else "")
            return
        yield letter, ""
