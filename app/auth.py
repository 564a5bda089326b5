"""The shared secret: a file that the web process makes, reads anew when it changes, and never prints."""

import grp
import hmac
import os
import secrets
import tempfile
from pathlib import Path

from app.domain.errors import SettingsInvalid

SECRET_BYTES = 32


class SharedSecret:
    """The secrets in the file at `path`: the first line is the current one, further lines are older ones."""

    def __init__(self, path: Path, group: str | None = None) -> None:
        self._path = path
        self._group = group
        self._seen: tuple[int, int] | None = None
        self._accepted: tuple[bytes, ...] = ()

    def ensure(self) -> None:
        """Makes the file when there is none. Raises SettingsInvalid when it cannot be used."""
        try:
            if not self._path.exists():
                self._create()
            self._read()
        except (OSError, KeyError) as error:
            raise SettingsInvalid(f"UPDATER_SECRET_PATH: {self._path} cannot be used ({error})") from error

    def matches(self, given: str) -> bool:
        """Whether `given` is one of the secrets, in constant time. An unreadable file matches nothing new."""
        try:
            self._read()
        except (OSError, SettingsInvalid):
            return False
        candidate = given.encode("utf-8", "surrogateescape")
        equal = [hmac.compare_digest(candidate, secret) for secret in self._accepted]
        return any(equal)

    def _read(self) -> None:
        stat = self._path.stat()
        if (seen := (stat.st_mtime_ns, stat.st_ino)) == self._seen:
            return
        lines = (line.strip() for line in self._path.read_bytes().splitlines())
        accepted = tuple(line for line in lines if line)
        if not accepted:
            raise SettingsInvalid(f"UPDATER_SECRET_PATH: {self._path} is empty. Remove it, and a new secret is made.")
        self._accepted, self._seen = accepted, seen

    def _create(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle, staged = tempfile.mkstemp(dir=self._path.parent, prefix=".secret-")
        try:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(SECRET_BYTES) + "\n")
                file.flush()
                os.fsync(file.fileno())
            if self._group:
                os.chown(staged, -1, grp.getgrnam(self._group).gr_gid)
                Path(staged).chmod(0o640)
            Path(staged).replace(self._path)
        finally:
            Path(staged).unlink(missing_ok=True)
