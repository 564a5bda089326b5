"""UPDATER_NOTIFY_URLS: notification targets in apprise's form. https://appriseit.com/services/"""

import logging
import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote, urlsplit

TOKEN_LENGTH = 16
"""What is as long, and no host's name, is taken for a token: the services put theirs anywhere in the URL."""

_BETWEEN = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_PARTS = re.compile(r"[/@?&=]")


def split(text: str) -> tuple[str, ...]:
    """The URLs of a list with commas or line ends between them; a comma inside a URL is its own."""
    return tuple(url.strip(" ,\r\n\t") for url in _BETWEEN.split(text) if url.strip(" ,\r\n\t"))


def problems(urls: Sequence[str]) -> list[str]:
    """What is wrong, by position: a URL holds tokens, and none of it is shown."""
    from apprise import Apprise  # noqa: PLC0415 - it takes seconds and 40 MiB, and most do without

    logging.getLogger("apprise").propagate = False  # it would print the URL
    if not urls:
        return ["holds no URL"]
    wrong = [n for n, url in enumerate(urls, 1) if Apprise.instantiate(url) is None]
    return [f"URL {n} of {len(urls)} is none that apprise knows, or lacks a part" for n in wrong]


def secrets_in(urls: Sequence[str]) -> Iterator[str]:
    """Every part of them that must not be read anywhere."""
    for url in urls:
        yield url
        parts = [*_PARTS.split(url.partition("://")[2]), urlsplit(url).password or ""]
        for part in parts:
            if (len(part) >= TOKEN_LENGTH and "." not in part) or part == parts[-1] != "":
                yield from {part, unquote(part)}
