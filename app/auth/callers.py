"""Authentication: the shared secret's file, tokens signed with it, and their scopes.

The file is made at the first start, read anew when it changes, and never printed. Its first line is the current
secret and signs; further lines are older ones that still verify. The file of the updater before this one, which has
one line, is used as it is; its permissions are set right at the start.
"""

import hmac
import json
import secrets
import stat
from pathlib import Path

from app.auth.secret_permissions import Permissions, set_right
from app.auth.tokens import Scope, sign_token
from app.domain.errors import SettingsInvalid
from app.files import replace_durably

SECRET_BYTES = 32
LONGEST_TOKEN_SECONDS = 366 * 24 * 3600.0

MODE = 0o600
"""Of a new secret file, until its permissions are set."""


class SharedSecret:
    """The secrets in the file at `path`: the first line is the current one, further lines are older ones."""

    def __init__(self, path: Path, group: str | None = None) -> None:
        self._path = path
        self._group = group
        self._seen: tuple[int, int] | None = None
        self._accepted: tuple[bytes, ...] = ()

    def ensure(self) -> None:
        """Makes the file when there is none, and sets the permissions of one that is there right.

        Raises SettingsInvalid when the file cannot be used, or when every user can and that cannot be changed.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            wanted = Permissions.of(self._group)
            if not self._path.exists():
                self._create(wanted)
            set_right(self._path, wanted)
            self._read()
        except OSError as error:
            raise SettingsInvalid(f"UPDATER_SECRET_PATH: {self._path} cannot be used ({error})") from error

    def matches(self, given: str) -> bool:
        """Whether `given` is one of the secrets, in constant time. An unreadable file matches nothing new."""
        candidate = given.encode("utf-8", "surrogateescape")
        equal = [hmac.compare_digest(candidate, secret) for secret in self.keys()]
        return any(equal)

    def keys(self) -> tuple[bytes, ...]:
        """Every accepted secret, the newest first; none when the file cannot be used."""
        try:
            self._read()
        except (OSError, SettingsInvalid):
            return ()
        return self._accepted

    def mode(self) -> int:
        """The file's permission bits. Raises OSError."""
        return stat.S_IMODE(self._path.stat().st_mode)

    def problem(self) -> str | None:
        """What is wrong with the file's permissions, for a person; None when only its owner or a group reads it."""
        try:
            found = self._path.stat()
        except OSError as error:
            return f"{self._path} cannot be read ({error.strerror})"
        mode, wanted = stat.S_IMODE(found.st_mode), Permissions.of(self._group)
        if mode & stat.S_IRWXO:
            return f"{self._path} has mode {mode:04o}: others may use it"
        if mode & stat.S_IWGRP or (mode & stat.S_IRGRP and not self._group):
            return f"{self._path} has mode {mode:04o}: its group may use it, and UPDATER_SECRET_GROUP names none"
        if not wanted.fit(found):
            return f"{self._path} has mode {mode:04o} and gid {found.st_gid}: the gid {wanted.gid} should read it"
        return None

    def remedy(self) -> str:
        """The command that gives the file the permissions that it should have."""
        return Permissions.of(self._group).command(self._path)

    def _read(self) -> None:
        found = self._path.stat()
        if (seen := (found.st_mtime_ns, found.st_ino)) == self._seen:
            return
        content = self._path.read_bytes()
        if _is_json_object(content):
            raise SettingsInvalid(
                f"UPDATER_SECRET_PATH: {self._path} has a JSON object where the secret should be: the updater before "
                "this one may have encrypted it. Traffic is not touched. Write the secret itself into the file, as one "
                "line; or remove the file, so that a new secret is made, and restart the callers that read it."
            )
        lines = (line.strip() for line in content.splitlines())
        accepted = tuple(line for line in lines if line)
        if not accepted:
            raise SettingsInvalid(f"UPDATER_SECRET_PATH: {self._path} is empty. Remove it, and a new secret is made.")
        self._accepted, self._seen = accepted, seen

    def _create(self, wanted: Permissions) -> None:
        secret = f"{secrets.token_hex(SECRET_BYTES)}\n".encode()
        replace_durably(self._path, secret, staging=self._path.parent, mode=MODE, prepare=wanted.apply)


def _is_json_object(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except (ValueError, RecursionError):
        return False


def make_token(secret_path: Path, scope: Scope, ttl_seconds: float) -> str:
    """A token for `Authorization: Bearer`, valid for `ttl_seconds` and signed with the file's first line.

    Raises SettingsInvalid when the file cannot be read or is empty, ValueError when `ttl_seconds` makes no sense.
    """
    if not 0 < ttl_seconds <= LONGEST_TOKEN_SECONDS:
        raise ValueError(f"a token lives for more than 0 and at most {LONGEST_TOKEN_SECONDS:.0f} seconds")
    keys = SharedSecret(secret_path).keys()
    if not keys:
        raise SettingsInvalid(f"UPDATER_SECRET_PATH: {secret_path} cannot be read, or is empty")
    return sign_token(keys, Scope(scope), ttl_seconds)
