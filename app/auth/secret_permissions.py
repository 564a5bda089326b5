"""Permissions of the shared secret's file: checks them, fixes them, or returns the command that does.

The owner reads and writes the file, the group of UPDATER_SECRET_GROUP reads it, and no other user can use it. The
previous updater's file belongs to root and is readable by every user, because its callers ran as other users.
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
"""For chown(2) the next number means "no change"."""

OPEN = stat.S_IRWXO | stat.S_IWGRP
EXPOSED = stat.S_IROTH | stat.S_IWOTH
"""With one of these bits any user of the machine can read the secret or replace it."""

CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
MOUNTS = Path("/proc/self/mountinfo")

log = structlog.get_logger()


@dataclass(frozen=True)
class Permissions:
    """The wanted permissions: mode 0640 and the group `gid`, or mode 0600 without a group."""

    gid: int | None = None

    @classmethod
    def of(cls, group: str | None) -> Self:
        """The permissions for UPDATER_SECRET_GROUP, a name or a number. Raises SettingsInvalid."""
        return cls(None if group is None else gid_of(group))

    @property
    def mode(self) -> int:
        return 0o600 if self.gid is None else 0o640

    def fit(self, found: os.stat_result) -> bool:
        """Whether the owner and the group can read the file, and no other user can use it.

        If no group is configured, the file may keep the group that an operator gave it.
        """
        if found.st_mode & OPEN:
            return False
        return self.gid is None or (found.st_gid == self.gid and bool(found.st_mode & stat.S_IRGRP))

    def apply(self, file: int) -> None:
        """Sets the group of the open `file`, then its mode. Raises OSError; the mode is then unchanged."""
        if self.gid is not None:
            os.fchown(file, -1, self.gid)
        os.fchmod(file, self.mode)

    def command(self, path: Path) -> str:
        """The command to run on the host to fix the permissions, so that this process can read the file."""
        file = shlex.quote(str(on_host(path)))
        return f"sudo chown {self._owner(path)} {file} && sudo chmod {self.mode:04o} {file}"

    def _owner(self, path: Path) -> str:
        """`uid:gid`. The owner stays if this process reads the file through its group: it may be a caller."""
        if self.gid is None:
            return f"{os.geteuid()}:{os.getegid()}"
        owner = os.geteuid()
        if self.gid in _own_groups():
            with contextlib.suppress(OSError):
                owner = path.stat().st_uid
        return f"{owner}:{self.gid}"


def gid_of(group: str) -> int:
    """The number of the group with that name or number, as in chown(1). Raises SettingsInvalid."""
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        if group.isascii() and group.isdigit() and int(group) <= MOST_GID:
            return int(group)
    raise SettingsInvalid(
        f"UPDATER_SECRET_GROUP: there is no group {group!r} here, so it cannot read the file of UPDATER_SECRET_PATH. "
        "Set the group's number."
    )


def set_right(path: Path, wanted: Permissions) -> None:
    """Fixes the permissions of the file at `path`.

    Raises SettingsInvalid with a command that helps, if this process cannot read the file, or if every user can use
    it and this process may not change that.
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
        event = "the secret file's permissions are wrong and cannot be changed; run the command on the host"
        reason = _reason(found, wanted, error)
        log.warning(event, path=str(path), mode=before, reason=reason, command=wanted.command(path))
        return
    readers = f"uid {found.st_uid}" + ("" if wanted.gid is None else f" and gid {wanted.gid}")
    log.warning(
        "the secret file's permissions were fixed; a caller that runs as another user needs UPDATER_SECRET_GROUP",
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
        f"(uid {os.geteuid()}) cannot change that: {_reason(found, wanted, error)}. Traffic is unchanged. "
        f"Run on the host: {wanted.command(path)}"
    )


def _unreadable(path: Path, wanted: Permissions, error: OSError) -> str:
    return (
        f"UPDATER_SECRET_PATH: this process (uid {os.geteuid()}) cannot read {path} ({error.strerror}). Traffic is "
        f"unchanged. Run on the host: {wanted.command(path)}"
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
    """The likely path of `path` on the host; outside a container it is the same."""
    resolved = path.resolve()
    try:
        mounts = MOUNTS.read_text("utf-8") if any(mark.exists() for mark in CONTAINER_MARKS) else ""
    except (OSError, UnicodeDecodeError):
        return resolved
    return mounted_from(resolved, mounts)


def mounted_from(path: Path, mounts: str) -> Path:
    """The host path that is mounted at `path`; `path` itself if that is unknown.

    `mounts` is /proc/self/mountinfo: https://docs.kernel.org/filesystems/proc.html#proc-pid-mountinfo
    """
    if (mount := mount_of(path, mounts)) is None:
        return path
    point, root = mount
    return path if root == "/" else Path(root) / path.relative_to(point)


def mount_of(path: Path, mounts: str) -> tuple[PurePosixPath, str] | None:
    """The mount that has `path`: where it is mounted, and the path in its filesystem. None if `mounts` has none."""
    found = [fields for line in mounts.splitlines() if len(fields := line.split()) > 4]  # noqa: PLR2004 - root and point
    inside = [(PurePosixPath(_plain(f[4])), _plain(f[3])) for f in found]
    around = [(point, root) for point, root in reversed(inside) if path.is_relative_to(point)]
    return max(around, key=lambda each: len(each[0].parts), default=None)  # the last of those mounted at one point


def _plain(field: str) -> str:
    """Decodes a path of mountinfo, in which blanks and backslashes are octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda number: chr(int(number[1], 8)), field)
