"""Redacts secrets in logs, events and the status."""

import contextlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from app.domain.json_value import with_strings
from app.domain.long_lines import brief, cuts

SHORTEST = 8
"""Shorter values are not redacted: that would remove ordinary words from every text."""

HIDDEN = "[hidden]"
Hide = Callable[[Any], Any]
"""Redacts the operator's secrets in a JSON value."""

ENV_FILE, SECRETS_DIRECTORY = ".env", "secrets"
"""Names inside the live directory."""

_SECRET_NAME = re.compile(r"SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|PRIVATE|_KEY\b|APIKEY|DSN|_AUTH\b", re.I)
_LINE = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*?)\s*")


class Redactor:
    """Redacts the secrets of the live `directory`, those in `urls`, and `secrets`.

    The directory's secrets are those in `.env` and in `env_files`, and every line of each file in `secrets/`. The
    redactor reads them again when a file changes, and keeps redacting replaced values.
    """

    def __init__(
        self, directory: Path, urls: Iterable[str] = (), secrets: Iterable[str] = (), *, env_files: Iterable[str] = ()
    ) -> None:
        self._directory = directory
        self._env_files = [directory / name for name in dict.fromkeys([ENV_FILE, *env_files])]
        self._known = {secret for url in urls for secret in secrets_in_url(url)}
        self._known |= {secret for secret in secrets if len(secret) >= SHORTEST}
        self._seen: list[tuple[str, int, int]] | None = None
        self._pattern: re.Pattern[str] | None = None

    def text(self, text: str) -> str:
        """Returns `text` without the secrets, and without the beginning of a secret at the end of a cut line."""
        return self._current()(text)

    def value(self, value: Any) -> Any:
        """Returns the JSON value with the secrets redacted in its strings. Field names stay."""
        return with_strings(value, self._current())

    def processor(self, _: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
        """A structlog processor, which also shortens long lines.

        https://www.structlog.org/en/stable/processors.html
        """
        hidden: dict[str, Any] = brief(self.value(event))
        return hidden

    def _current(self) -> Callable[[str], str]:
        if (seen := list(self._marks())) != self._seen:
            self._known |= set(self._secrets())
            longest_first = sorted(self._known, key=len, reverse=True)  # one secret may be part of another
            self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
            self._seen = seen
        return partial(_redacted, self._pattern, self._known)

    def _secrets(self) -> Iterator[str]:
        for file in self._env_files:
            yield from secrets_in_env(_text(file))
        for file in self._files():
            yield from secrets_in_file(_text(file))

    def _files(self) -> list[Path]:
        try:
            return [file for file in (self._directory / SECRETS_DIRECTORY).iterdir() if file.is_file()]
        except OSError:
            return []

    def _marks(self) -> Iterator[tuple[str, int, int]]:
        """Yields values that change when a file's content or permissions change."""
        for file in (*self._env_files, *self._files()):
            with contextlib.suppress(OSError):
                found = file.stat()
                yield file.name, found.st_ctime_ns, found.st_size


def _redacted(pattern: re.Pattern[str] | None, secrets: Collection[str], text: str) -> str:
    return _without(pattern, _without_beginnings(secrets, text))


def _without(pattern: re.Pattern[str] | None, text: str) -> str:
    return pattern.sub(HIDDEN, text) if pattern else text


def _without_beginnings(secrets: Collection[str], text: str) -> str:
    """Returns `text` without the beginning of a secret at the end of a cut line, where `_without` misses it."""
    for cut in sorted(cuts(text), reverse=True):
        if hidden := max((_length_of_beginning(secret, text[:cut]) for secret in secrets), default=0):
            text = f"{text[: cut - hidden]}{HIDDEN}{text[cut:]}"
    return text


def _length_of_beginning(secret: str, text: str) -> int:
    """Returns how many characters at the end of `text`, at least SHORTEST, are the beginning of `secret`; 0 if none."""
    at = text.find(secret[:SHORTEST], max(0, len(text) - len(secret)))
    while at >= 0 and not secret.startswith(text[at:]):
        at = text.find(secret[:SHORTEST], at + 1)
    return len(text) - at if at >= 0 else 0


def _text(file: Path) -> str:
    """Returns an empty string if the file cannot be read."""
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""


def secrets_in_file(text: str) -> Iterator[str]:
    """Yields each line of a secret file, the values that would be secrets in a `.env`, and the credentials in URLs."""
    for line in map(str.strip, text.splitlines()):
        if len(line) >= SHORTEST:
            yield line
        yield from secrets_in_env(line)
        yield from secrets_in_url(line)


def secrets_in_env(text: str) -> Iterator[str]:
    """Yields the values of a `.env` that are secrets by their name, and the credentials in URLs."""
    for line in text.splitlines():
        if (match := _LINE.fullmatch(line)) is None:
            continue
        value = match["value"].strip("'\"")
        if _SECRET_NAME.search(match["name"]) and len(value) >= SHORTEST:
            yield value
        yield from secrets_in_url(value)


def secrets_in_url(url: str) -> Iterator[str]:
    """Yields the password in `url`, or an https user name without one (a token): as written, and percent-decoded."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    alone = parts.username if parts.scheme == "https" and parts.password is None else None
    password = parts.password or alone
    if password and len(password) >= SHORTEST:
        yield from {password, unquote(password)}
