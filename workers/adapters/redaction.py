"""Redacts secrets in logs, events, the status and answers."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from app.domain.json_value import with_strings
from app.domain.long_lines import brief
from app.domain.stack import Stack
from workers.redaction.encodings import forms
from workers.redaction.found import secrets_in_env_file, secrets_in_file
from workers.redaction.names import is_hidden
from workers.redaction.needles import Needles
from workers.redaction.tokens import secrets_in_url, without_forms

HIDDEN = "[hidden]"
Hide = Callable[[Any], Any]
"""Redacts the operator's secrets in a JSON value."""

ENV_FILE, SECRETS_DIRECTORY = ".env", "secrets"
"""Names inside the live directory."""


def names_of(stack: Stack) -> set[str]:
    """The names that stay readable, also if one of them is also a password: without them no text says anything."""
    named = {*(s.name for s in stack.routed), *(s.name for s in stack.singletons), *(f.name for f in stack.followers)}
    services = {*stack.moved_services(), *stack.written_services()}
    return {stack.project, stack.directory, *stack.repository.split("/"), *named, *services}


class Redactor:
    """Redacts the secrets of the live `directory`, those in `urls`, `secrets`, and those that it learns.

    The directory's secrets are those in `.env` and in `env_files`, and every line of each file in `secrets/`. The
    redactor reads them again when a file changes, and keeps redacting replaced values. `ordinary`: words that stay
    readable, even if one of them is also a password. Several threads may use it at once.
    """

    def __init__(
        self,
        directory: Path,
        urls: Iterable[str] = (),
        secrets: Iterable[str] = (),
        *,
        env_files: Iterable[str] = (),
        ordinary: Iterable[str] = (),
    ) -> None:
        self._directory = directory
        self._env_files = [directory / name for name in dict.fromkeys([ENV_FILE, *env_files])]
        self._ordinary = frozenset(ordinary)
        self._known: set[str] = set()
        self._learning = threading.Lock()
        self._needles = Needles()
        self._seen: list[tuple[str, int, int]] | None = None
        self.learn(secret for url in urls for secret in secrets_in_url(url))
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Redacts also `secrets`, from now on and in every form, but for those that are short or ordinary words."""
        found = {secret.strip() for secret in secrets} - self._ordinary
        with self._learning:
            for secret in found - self._known:
                if is_hidden(secret):
                    self._needles.add(forms(secret) - self._ordinary)
                self._known.add(secret)

    def text(self, text: str) -> str:
        """Returns `text` without the secrets, and without the beginning of a secret at the end of a cut line."""
        self._follow_the_files()
        return _redacted(self._needles, text)

    def value(self, value: Any) -> Any:
        """Returns the JSON value with the secrets redacted in its strings. Field names stay."""
        self._follow_the_files()
        return with_strings(value, lambda text: _redacted(self._needles, text))

    def processor(self, _: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
        """A structlog processor, which also shortens long lines.

        https://www.structlog.org/en/stable/processors.html
        """
        hidden: dict[str, Any] = brief(self.value(event))
        return hidden

    def _follow_the_files(self) -> None:
        if (seen := list(self._marks())) != self._seen:
            self.learn(self._secrets())
            self._seen = seen

    def _secrets(self) -> Iterator[str]:
        for file in self._env_files:
            yield from secrets_in_env_file(text_of(file))
        for file in self._files():
            yield from secrets_in_file(text_of(file))

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


def _redacted(needles: Needles, text: str) -> str:
    return without_forms(needles.replaced(text, HIDDEN), HIDDEN)


def text_of(file: Path) -> str:
    """Returns an empty string if the file cannot be read."""
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""
