"""Marks of values that are not stored: they show that a value has changed, and not what it is."""

import fcntl
import hmac
import os
from collections.abc import Mapping
from pathlib import Path

from app.files import replace_durably

KEY_BYTES = 32
MODE = 0o600


class ValueMarks:
    """Hashes with a random key, which is in `file`: without it, values cannot be tried.

    A lost key changes every mark. Then a service counts as changed once.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def of(self, values: Mapping[str, str]) -> dict[str, str]:
        """A mark for each value, by the same names. Creates the key. Raises OSError."""
        if not values:
            return {}
        key = self._key()
        return {name: _mark(key, name, value) for name, value in values.items()}

    def _key(self) -> bytes:
        return self._read() or self._created()

    def _read(self) -> bytes | None:
        """The key; None if there is no valid one."""
        try:
            key = self._file.read_bytes()
        except FileNotFoundError:
            return None
        return key if len(key) == KEY_BYTES else None

    def _created(self) -> bytes:
        """A new key, which is on disk when this returns; that of another thread or process if it was faster.

        Its file is replaced, not written: who reads meanwhile has the whole old content or the whole new one.
        """
        self._file.parent.mkdir(parents=True, exist_ok=True)
        directory = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            if (key := self._read()) is None:
                key = os.urandom(KEY_BYTES)
                replace_durably(self._file, key, staging=self._file.parent, mode=MODE)
            return key
        finally:
            os.close(directory)


def _mark(key: bytes, name: str, value: str) -> str:
    return hmac.digest(key, f"{name}\0{value}".encode("utf-8", "surrogateescape"), "sha256").hex()[:32]
