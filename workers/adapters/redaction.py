"""No secret reaches a log, an event or the status: what a release prints may hold what the operator gave it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

SHORTEST = 8
"""A shorter value would take ordinary words out of every text; no secret worth keeping is as short."""

HIDDEN = "[hidden]"
Hide = Callable[[Any], Any]
"""Takes the operator's secrets out of a JSON value."""

_SECRET_NAME = re.compile(r"SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|PRIVATE|_KEY\b|APIKEY|DSN|_AUTH\b", re.I)
_LINE = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*?)\s*")


class Redactor:
    """Knows the secrets of the operator's `.env`, read anew when it changes, those in `urls`, and `secrets`."""

    def __init__(self, env_file: Path, urls: Iterable[str] = (), secrets: Iterable[str] = ()) -> None:
        self._file = env_file
        self._given = {secret for url in urls for secret in secrets_in_url(url)}
        self._given |= {secret for secret in secrets if len(secret) >= SHORTEST}
        self._seen: tuple[int, int] | None = None
        self._pattern: re.Pattern[str] | None = None

    def text(self, text: str) -> str:
        """`text` without any of them."""
        pattern = self._current()
        return pattern.sub(HIDDEN, text) if pattern else text

    def value(self, value: Any) -> Any:
        """A JSON value whose texts are without any of them; the names of its fields stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {name: self.value(part) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(part) for part in value]
        return value

    def processor(self, _: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
        """For structlog. https://www.structlog.org/en/stable/processors.html"""
        return {name: self.value(part) for name, part in event.items()}

    def _current(self) -> re.Pattern[str] | None:
        try:
            found = self._file.stat()
            seen = (found.st_mtime_ns, found.st_size)
            if seen != self._seen:
                self._pattern, self._seen = self._compiled(self._file.read_text("utf-8", "replace")), seen
        except OSError:
            self._pattern = self._pattern or self._compiled("")
        return self._pattern

    def _compiled(self, env: str) -> re.Pattern[str] | None:
        """The longest first: one may be a part of another."""
        secrets = sorted(self._given | set(secrets_in_env(env)), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, secrets))) if secrets else None


def secrets_in_env(text: str) -> Iterator[str]:
    """The values of a `.env` that are secrets by their name, and the credentials in those that are URLs."""
    for line in text.splitlines():
        if (match := _LINE.fullmatch(line)) is None:
            continue
        value = match["value"].strip("'\"")
        if _SECRET_NAME.search(match["name"]) and len(value) >= SHORTEST:
            yield value
        yield from secrets_in_url(value)


def secrets_in_url(url: str) -> Iterator[str]:
    """The password in `url`, or the token that stands alone, as it is written and as it is meant."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    alone = parts.username if parts.scheme == "https" and parts.password is None else None
    password = parts.password or alone
    if password and len(password) >= SHORTEST:
        yield from {password, unquote(password)}
