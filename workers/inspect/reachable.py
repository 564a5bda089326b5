"""Finds what this process cannot read or write, with the command that corrects it. It changes nothing on disk."""

import os
import shlex
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.domain.findings import Check, Verdict
from app.host_paths import mount_of

NAME = "permissions"


@dataclass(frozen=True)
class Needed:
    """A file that is read, or a directory that is listed.

    `write`: files are created in the directory. `whole`: everything below it counts too. `optional`: it may be missing.
    `outside`: its path on the host, if that is another one.
    """

    path: Path
    write: bool = False
    whole: bool = False
    optional: bool = False
    outside: Path | None = None


def refused(needed: Iterable[Needed]) -> list[Check]:
    """One failed check for each of `needed` that is closed, or below a closed directory."""
    every = list(needed)
    own = [each.path for each in every]
    return list(dict.fromkeys(check for each in every for check in _refused(each, own)))


def apart(staging: Path, watched: Path, mounts: str) -> list[Check]:
    """A failed check if no file can be renamed from `staging` into `watched`; both exist.

    That needs one filesystem and, whatever the filesystem, one mount: rename(2), EXDEV. `mounts` is
    /proc/self/mountinfo.
    """
    try:
        one_filesystem = staging.stat().st_dev == watched.stat().st_dev
    except OSError:
        return []  # a closed path is reported by itself
    if one_filesystem and mount_of(staging, mounts) == mount_of(watched, mounts):
        return []
    found = f"{watched} and {staging} are on two filesystems or mounts, so no file can be renamed from one to the other"
    remedy = (
        f"Run `findmnt --target {_quoted(watched)}` to see the mount. Let Traefik watch a plain directory on the "
        f"filesystem of {staging} instead."
    )
    return [Check(NAME, Verdict.FAILED, found, remedy)]


def _refused(needed: Needed, own: list[Path]) -> Iterator[Check]:
    path = needed.path
    closed = next((above for above in _above(path) if os.path.lexists(above) and not os.access(above, os.X_OK)), None)
    if closed is not None:
        inside = any(closed.is_relative_to(each) for each in own)
        yield _failed(f"enter {closed}", closed, _permit(closed, "rx") if inside else f"chmod o+x {_quoted(closed)}")
    elif not path.exists():
        if path.is_symlink():
            lost = f"{path} is a link to {os.path.realpath(path)}, which this process does not have"
            yield Check(NAME, Verdict.FAILED, lost, "Put the file itself in its place, or mount the directory too.")
        elif not needed.optional:
            remedy = "Create it, or correct the setting or the stack file that names it."
            yield Check(NAME, Verdict.FAILED, f"{path} is missing", remedy)
    elif needed.whole and (found := [path, *_below(path)]):
        yield from _whole(needed, [each for each in found if not _may(each, write=needed.write)])
    elif not _may(path, write=needed.write):
        yield _closed(needed)


def _above(path: Path) -> list[Path]:
    """The directories that have to be entered, from the root on: also those of the file that a link leads to."""
    return list(dict.fromkeys([*reversed(path.parents), *reversed(Path(os.path.realpath(path)).parents)]))


def _whole(needed: Needed, closed: list[Path]) -> Iterator[Check]:
    if closed:
        more = f" and {len(closed) - 1} more below {needed.path}" if len(closed) > 1 else ""
        letters = "rwX" if needed.write else "rX"
        where = _quoted(needed.path)
        command = f"chgrp -R {os.getegid()} {where} && chmod -R g+{letters} {where}"
        yield _failed(f"{_deed(closed[0], needed)} {closed[0]}{more}", closed[0], command)


def _closed(needed: Needed) -> Check:
    path = needed.path
    if needed.write and os.statvfs(path).f_flag & os.ST_RDONLY:
        found = f"{path} is on a read-only mount"
        return Check(NAME, Verdict.FAILED, found, f"Mount it as `{path}:{path}` into the container, without `:ro`.")
    letters = ("rwx" if needed.write else "rx") if path.is_dir() else "r"
    return _failed(f"{_deed(path, needed)} {path}", path, _permit(needed.outside or path, letters))


def _deed(path: Path, needed: Needed) -> str:
    return "write to" if needed.write and path.is_dir() else "read"


def _failed(deed: str, path: Path, command: str) -> Check:
    status = path.stat()
    has = f"mode {stat.S_IMODE(status.st_mode):04o}, owner {status.st_uid}:{status.st_gid}"
    found = f"uid {os.geteuid()}, gid {os.getegid()} cannot {deed} ({has})"
    if _mode_permits(status):
        remedy = "Its mode permits it. Look at its SELinux label (`ls -Z`), its ACL (`getfacl`), and its mount."
        return Check(NAME, Verdict.FAILED, found, remedy)
    return Check(NAME, Verdict.FAILED, found, f"Run on the host: {command}")


def _mode_permits(status: os.stat_result) -> bool:
    """Whether the mode alone lets this process read a file, or do everything in a directory."""
    wanted = 0o7 if stat.S_ISDIR(status.st_mode) else 0o4
    groups = {os.getegid(), *os.getgroups()}
    shift = 6 if status.st_uid == os.geteuid() else 3 if status.st_gid in groups else 0
    return (status.st_mode >> shift) & wanted == wanted


def _permit(path: Path, letters: str) -> str:
    return f"chgrp {os.getegid()} {_quoted(path)} && chmod g+{letters} {_quoted(path)}"


def _below(path: Path) -> Iterator[Path]:
    """Everything below a directory, except symbolic links and the content of closed directories."""
    for directory, names, files in os.walk(path):
        yield from (found for name in (*names, *files) if not (found := Path(directory, name)).is_symlink())


def _may(path: Path, *, write: bool) -> bool:
    if not path.is_dir():
        return os.access(path, os.R_OK)
    return os.access(path, os.R_OK | os.X_OK | (os.W_OK if write else 0))


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
