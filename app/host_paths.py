"""Host paths of the files that this process sees in its container."""

import re
from pathlib import Path, PurePosixPath

CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
MOUNTS = Path("/proc/self/mountinfo")


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
    """The mount that contains `path`: its mount point, and its root in the filesystem. None if `mounts` has none."""
    found = [fields for line in mounts.splitlines() if len(fields := line.split()) > 4]  # noqa: PLR2004 - root and point
    inside = [(PurePosixPath(_plain(f[4])), _plain(f[3])) for f in found]
    around = [(point, root) for point, root in reversed(inside) if path.is_relative_to(point)]
    return max(around, key=lambda each: len(each[0].parts), default=None)  # the last of those mounted at one point


def _plain(field: str) -> str:
    """Decodes a path of mountinfo, in which blanks and backslashes are octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda number: chr(int(number[1], 8)), field)
