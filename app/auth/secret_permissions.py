"""Permissions of the shared secret's file: what they should be, and the change or the command that sets them.

The owner reads and writes the file; the group of UPDATER_SECRET_GROUP reads it; nobody else does. The file of the
updater before this one belongs to root and is readable by every user, as its callers' containers had other users.
"""

import contextlib
import errno
import grp
import os
import re
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

import structlog

from app.domain.errors import SettingsInvalid

MOST_GID = 2**32 - 2
"""chown(2) takes the number above for "no change"."""

OPEN = stat.S_IRWXO | stat.S_IWGRP
EXPOSED = stat.S_IROTH | stat.S_IWOTH
"""With one of these bits any user of the machine can read the secret, or set one of their own."""

CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
MOUNTS = Path("/proc/self/mountinfo")

log = structlog.get_logger()


@dataclass(frozen=True)
class Permissions:
    """What the file should have: mode 0640 and the group `gid`, or mode 0600 without one."""

    gid: int | None = None

    @classmethod
    def of(cls, group: str | None) -> Self:
        """Those for UPDATER_SECRET_GROUP, a name or a number. Raises SettingsInvalid."""
        return cls(None if group is None else gid_of(group))

    @property
    def mode(self) -> int:
        return 0o600 if self.gid is None else 0o640

    def fit(self, found: os.stat_result) -> bool:
        """Whether the owner and the group can read the file, and nobody else can use it.

        Without a group of its own the file may keep the one that an operator gave it.
        """
        if found.st_mode & OPEN:
            return False
        return self.gid is None or (found.st_gid == self.gid and bool(found.st_mode & stat.S_IRGRP))

    def apply(self, file: int) -> None:
        """Gives the open `file` its group, then its mode. Raises OSError, and then the mode is as it was."""
        if self.gid is not None:
            os.fchown(file, -1, self.gid)
        os.fchmod(file, self.mode)

    def command(self, path: Path) -> str:
        """What an operator types on the host, so that the permissions fit and this process can read the file."""
        file = shlex.quote(str(on_host(path)))
        return f"sudo chown {self._owner(path)} {file} && sudo chmod {self.mode:04o} {file}"

    def _owner(self, path: Path) -> str:
        """`uid:gid`. Where this process reads the file through its group, the owner, maybe a caller, stays."""
        if self.gid is None:
            return f"{os.geteuid()}:{os.getegid()}"
        owner = os.geteuid()
        if self.gid in _own_groups():
            with contextlib.suppress(OSError):
                owner = path.stat().st_uid
        return f"{owner}:{self.gid}"


def gid_of(group: str) -> int:
    """The number of the group that has that name or number, as chown(1) reads it. Raises SettingsInvalid."""
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        if group.isascii() and group.isdigit() and int(group) <= MOST_GID:
            return int(group)
    raise SettingsInvalid(
        f"UPDATER_SECRET_GROUP: no group here is called {group!r}, so it cannot read the file of UPDATER_SECRET_PATH. "
        "Give the group's number."
    )


def set_right(path: Path, wanted: Permissions) -> None:
    """Changes the permissions of the file at `path` where they do not fit.

    Raises SettingsInvalid, with the command that helps, when every user can use the file and this process may not
    change that, and when this process cannot read it.
    """
    try:
        file = os.open(path, os.O_RDONLY)
    except PermissionError as error:
        raise SettingsInvalid(_unreadable(path, wanted, error)) from error
    try:
        found = os.fstat(file)
        if not wanted.fit(found):
            _change(path, file, found, wanted)
    finally:
        os.close(file)


def _change(path: Path, file: int, found: os.stat_result, wanted: Permissions) -> None:
    before = f"{stat.S_IMODE(found.st_mode):04o}"
    try:
        wanted.apply(file)
    except OSError as error:
        if found.st_mode & EXPOSED:
            raise SettingsInvalid(_exposed(path, found, wanted, error)) from error
        said = "the secret file's permissions do not fit and cannot be changed; type the command on the host"
        reason = _reason(found, wanted, error)
        log.warning(said, path=str(path), mode=before, reason=reason, command=wanted.command(path))
        return
    readers = f"uid {found.st_uid}" + ("" if wanted.gid is None else f" and gid {wanted.gid}")
    log.warning(
        "the secret file's permissions are set right; a caller that runs as another user needs UPDATER_SECRET_GROUP",
        path=str(path),
        before=before,
        mode=f"{wanted.mode:04o}",
        readable_by=readers,
    )


def _exposed(path: Path, found: os.stat_result, wanted: Permissions, error: OSError) -> str:
    mode = f"{stat.S_IMODE(found.st_mode):04o}"
    able = "read" if found.st_mode & stat.S_IROTH else "write"
    return (
        f"UPDATER_SECRET_PATH: {path} has mode {mode}, so every user of this machine can {able} it, and this process "
        f"(uid {os.geteuid()}) cannot change that: {_reason(found, wanted, error)}. Traffic is not touched. "
        f"Type on the host: {wanted.command(path)}"
    )


def _unreadable(path: Path, wanted: Permissions, error: OSError) -> str:
    return (
        f"UPDATER_SECRET_PATH: this process (uid {os.geteuid()}) cannot read {path} ({error.strerror}). Traffic is not "
        f"touched. Type on the host: {wanted.command(path)}"
    )


def _reason(found: os.stat_result, wanted: Permissions, error: OSError) -> str:
    if error.errno == errno.EROFS:
        return "the file is on a read-only mount"
    if found.st_uid != os.geteuid():
        return f"the file belongs to uid {found.st_uid}"
    if wanted.gid is not None and wanted.gid not in _own_groups():
        return f"this process is not in the group {wanted.gid}"
    return str(error.strerror)


def _own_groups() -> set[int]:
    return {os.getegid(), *os.getgroups()}


def on_host(path: Path) -> Path:
    """Where an operator most likely finds `path`: outside a container it has the same path."""
    resolved = path.resolve()
    try:
        mounts = MOUNTS.read_text("utf-8") if any(mark.exists() for mark in CONTAINER_MARKS) else ""
    except (OSError, UnicodeDecodeError):
        return resolved
    return mounted_from(resolved, mounts)


def mounted_from(path: Path, mounts: str) -> Path:
    """The path in the file system that is mounted at `path`; `path` itself when that is not told.

    `mounts` is /proc/self/mountinfo: https://docs.kernel.org/filesystems/proc.html#proc-pid-mountinfo
    """
    found = [fields for line in mounts.splitlines() if len(fields := line.split()) > 4]  # noqa: PLR2004 - root and point
    inside = [(PurePosixPath(_plain(f[4])), _plain(f[3])) for f in found]
    around = [(point, root) for point, root in reversed(inside) if path.is_relative_to(point)]
    if not around:
        return path
    point, root = max(around, key=lambda each: len(each[0].parts))  # the last of those mounted at one point
    return path if root == "/" else Path(root) / path.relative_to(point)


def _plain(field: str) -> str:
    """The kernel writes blanks and backslashes in a path as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda number: chr(int(number[1], 8)), field)
