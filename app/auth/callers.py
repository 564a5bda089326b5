"""Authentication: the shared secret's file, tokens signed with it, and their scopes.

The file is created at the first start, read again when it changes, and never printed. Its first line is the current
secret and signs; further lines are older secrets that still verify. The previous updater's file, which has one line,
is used unchanged; its permissions are fixed at the start.
"""

import hmac
import json
import secrets
import stat
from pathlib import Path

import structlog

from app.auth.scope import Scope
from app.auth.secret_permissions import Permissions, set_right
from app.auth.tokens import BEARER, LOGIN, sign_token
from app.domain.errors import SecretUnavailable, SettingsInvalid
from app.files import replace_durably

SECRET_BYTES = 32
LONGEST_TOKEN_SECONDS = 366 * 24 * 3600.0
LONGEST_LOGIN_SECONDS = 24 * 3600.0
LOGIN_ID_BYTES = 16

log = structlog.get_logger()

MODE = 0o600
"""The mode of a new secret file until its permissions are set."""


class SharedSecret:
    """The secrets in the file at `path`: the first line is the current secret, further lines are older ones."""

    def __init__(self, path: Path, group: str | None = None) -> None:
        self._path = path
        self._group = group
        self._seen: tuple[int, ...] | None = None
        self._accepted: tuple[bytes, ...] = ()

    def ensure(self) -> None:
        """Creates the file if it is missing, and fixes the permissions of an existing one.

        Raises SettingsInvalid if the file cannot be used, or if every user can use it and that cannot be changed.
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
        """Whether `given` is one of the secrets, in constant time. Raises SecretUnavailable."""
        candidate = given.encode("utf-8", "surrogateescape")
        equal = [hmac.compare_digest(candidate, secret) for secret in self.keys()]
        return any(equal)

    def keys(self) -> tuple[bytes, ...]:
        """Every accepted secret, newest first.

        Raises SecretUnavailable if the file cannot be used now. The secrets that it had before do not count then: the
        file may have been removed to revoke them.
        """
        try:
            self._read()
        except (OSError, SettingsInvalid) as error:
            log.warning("the secret file cannot be used; no caller is let in", path=str(self._path), reason=str(error))
            raise SecretUnavailable("check UPDATER_SECRET_PATH and the web process's log") from error
        return self._accepted

    def mode(self) -> int:
        """The file's permission bits. Raises OSError."""
        return stat.S_IMODE(self._path.stat().st_mode)

    def problem(self) -> str | None:
        """The problem with the file's permissions; None if only its owner and the configured group can read it."""
        try:
            found = self._path.stat()
        except OSError as error:
            return f"{self._path} cannot be read ({error.strerror})"
        mode, wanted = stat.S_IMODE(found.st_mode), Permissions.of(self._group)
        if mode & stat.S_IRWXO:
            return f"{self._path} has mode {mode:04o}: other users can use it"
        if mode & stat.S_IWGRP or (mode & stat.S_IRGRP and not self._group):
            return f"{self._path} has mode {mode:04o}: its group can use it, but UPDATER_SECRET_GROUP is not set"
        if not wanted.fit(found):
            return f"{self._path} has mode {mode:04o} and gid {found.st_gid}: gid {wanted.gid} should read it"
        return None

    def remedy(self) -> str:
        """The command that fixes the file's permissions."""
        return Permissions.of(self._group).command(self._path)

    def _read(self) -> None:
        found = self._path.stat()
        if (seen := (found.st_dev, found.st_ino, found.st_ctime_ns, found.st_mtime_ns)) == self._seen:
            return
        content = self._path.read_bytes()
        if _is_json_object(content):
            raise SettingsInvalid(
                f"UPDATER_SECRET_PATH: {self._path} contains a JSON object instead of the secret: the previous updater "
                "may have encrypted it. Traffic is unchanged. Write the secret itself into the file, as one line. Or "
                "remove the file, so that a new secret is created, and restart the callers that read it."
            )
        lines = (line.strip() for line in content.splitlines())
        accepted = tuple(line for line in lines if line)
        if not accepted:
            raise SettingsInvalid(f"UPDATER_SECRET_PATH: {self._path} is empty. Remove it to create a new secret.")
        self._accepted, self._seen = accepted, seen

    def _create(self, wanted: Permissions) -> None:
        secret = f"{secrets.token_hex(SECRET_BYTES)}\n".encode()
        replace_durably(self._path, secret, staging=self._path.parent, mode=MODE, prepare=wanted.apply)


def _is_json_object(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except (ValueError, RecursionError):
        return False


def make_token(secret_path: Path, scope: Scope, ttl_seconds: float, name: str = "") -> str:
    """A token for `Authorization: Bearer`, valid for `ttl_seconds` and signed with the file's first line.

    `name` is recorded with each change that is made with the token. Raises SettingsInvalid if the file cannot be read
    or is empty, ValueError if `ttl_seconds` is out of range or `name` does not fit NAME_PATTERN.
    """
    _check_lifetime(ttl_seconds, LONGEST_TOKEN_SECONDS)
    return sign_token(_keys(secret_path), Scope(scope), ttl_seconds, BEARER, name)


def make_login(secret_path: Path, scope: Scope, ttl_seconds: float, name: str = "") -> str:
    """The secret part of a link that logs in to the dashboard once, within `ttl_seconds`; otherwise as make_token."""
    _check_lifetime(ttl_seconds, LONGEST_LOGIN_SECONDS)
    once = secrets.token_urlsafe(LOGIN_ID_BYTES)
    return sign_token(_keys(secret_path), Scope(scope), ttl_seconds, LOGIN, name, id_=once)


def _check_lifetime(seconds: float, most: float) -> None:
    if not 0 < seconds <= most:
        raise ValueError(f"it is valid for more than 0 and at most {most:.0f} seconds")


def _keys(secret_path: Path) -> tuple[bytes, ...]:
    try:
        return SharedSecret(secret_path).keys()
    except SecretUnavailable as error:
        raise SettingsInvalid(f"UPDATER_SECRET_PATH: {secret_path} cannot be read or is empty") from error
