"""Parses a distribution's codename and the mirror of its packages. Pure functions of file contents."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

# https://manpages.debian.org/bookworm/apt/sources.list.5.en.html
_ONE_LINE = re.compile(r"deb\s+(?:\[[^\]]*\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<components>[^#]*)")


class Source(NamedTuple):
    """One package source."""

    uri: str
    suites: list[str]
    components: list[str]


def codename(os_release: str) -> str:
    """Returns the codename in the text of /etc/os-release; `stable` if it has none."""
    values = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    return values.get("VERSION_CODENAME", "").strip("\"'") or "stable"


def mirror(deb822: Iterable[str], one_line: Iterable[str], release: str) -> str | None:
    """Returns the distribution's mirror from the texts of `*.sources` and `*.list` files; None without one.

    The suite `release` with `main` goes first: another vendor's source and a security mirror have no base system.
    """
    sources = [
        *(source for text in deb822 for source in _stanzas(text)),
        *(source for text in one_line for source in _lines(text)),
    ]
    whole = [s.uri for s in sources if release in s.suites and "main" in s.components]
    likely = [s.uri for s in sources if not any("security" in suite for suite in s.suites)]
    return next(iter([*whole, *likely]), None)


def _stanzas(text: str) -> Iterator[Source]:
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", kept):
        fields = _fields(stanza)
        if "deb" in fields.get("types", []) and fields.get("enabled") != ["no"] and fields.get("uris"):
            yield Source(fields["uris"][0], fields.get("suites", []), fields.get("components", []))


def _fields(stanza: str) -> dict[str, list[str]]:
    whole = re.sub(r"\n[ \t]+", " ", stanza)
    pairs = (line.partition(":") for line in whole.splitlines())
    return {name.strip().lower(): value.split() for name, _, value in pairs}


def _lines(text: str) -> Iterator[Source]:
    for found in map(_ONE_LINE.match, map(str.strip, text.splitlines())):
        if found:
            yield Source(found["uri"], [found["suite"]], found["components"].split())
