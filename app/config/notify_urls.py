"""UPDATER_NOTIFY_URLS: notification targets in apprise's form. https://appriseit.com/services/"""

import logging
import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote, urlsplit

TOKEN_LENGTH = 16
"""A part of a URL with at least this length that is not a host name counts as a token, wherever it is."""

_BETWEEN = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_PARTS = re.compile(r"[/@?&=]")


def split(text: str) -> tuple[str, ...]:
    """The URLs of a list that is separated by commas or line ends. A comma inside a URL belongs to the URL."""
    return tuple(url.strip(" ,\r\n\t") for url in _BETWEEN.split(text) if url.strip(" ,\r\n\t"))


def problems(urls: Sequence[str]) -> list[str]:
    """The problems of `urls`, by position. No part of a URL is shown, because it may contain tokens."""
    from apprise import Apprise  # noqa: PLC0415 - the import takes seconds and 40 MiB, and most stacks do not need it

    logging.getLogger("apprise").propagate = False  # it would log the URL
    if not urls:
        return ["contains no URL"]
    wrong = [n for n, url in enumerate(urls, 1) if Apprise.instantiate(url) is None]
    return [f"URL {n} of {len(urls)} is unknown to apprise, or incomplete" for n in wrong]


def secrets_in(urls: Sequence[str]) -> Iterator[str]:
    """Every part of `urls` that must be redacted."""
    for url in urls:
        yield url
        parts = [*_PARTS.split(url.partition("://")[2]), urlsplit(url).password or ""]
        for part in parts:
            if (len(part) >= TOKEN_LENGTH and "." not in part) or part == parts[-1] != "":
                yield from {part, unquote(part)}
