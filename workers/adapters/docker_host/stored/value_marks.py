"""Marks of values that are not stored: they show that a value has changed, and not what it is."""

import fcntl
import hmac
import os
from collections.abc import Mapping
from pathlib import Path

from app.files import sync_directory

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
        try:
            key = self._file.read_bytes()
        except FileNotFoundError:
            key = b""
        return key if len(key) == KEY_BYTES else self._created()

    def _created(self) -> bytes:
        """A new key, which is on disk when this returns; that of another thread or process if it was faster."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT, MODE)
        with os.fdopen(handle, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if len(key := file.read()) != KEY_BYTES:
                key = os.urandom(KEY_BYTES)
                os.fchmod(handle, MODE)
                os.ftruncate(handle, 0)
                os.pwrite(handle, key, 0)
            os.fsync(handle)
        sync_directory(self._file.parent)
        return key


def _mark(key: bytes, name: str, value: str) -> str:
    return hmac.digest(key, f"{name}\0{value}".encode("utf-8", "surrogateescape"), "sha256").hex()[:32]
