"""Mounts and unmounts directories."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from deploy.demo.distribution.packages import which

UNMOUNT_SECONDS = 20


def unmount_below(*directories: Path) -> None:
    """Unmounts everything below the directories, deepest first. Leaves a mount that it cannot unmount."""
    roots = tuple(f"{directory}/" for directory in directories)
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(roots)), key=len, reverse=True):
        subprocess.run([which("umount") or "umount", "--lazy", mount], check=False, timeout=UNMOUNT_SECONDS)


@contextlib.contextmanager
def in_memory(directory: Path, size: int) -> Iterator[bool]:
    """Keeps what is written to `directory` in memory, at most `size` bytes, and drops it at the end.

    Without root, or if the machine has less than twice that to spare, the directory stays as it is. Yields whether it
    is in memory.
    """
    options = f"mode=0755,size={size}"
    mounted = _available() >= 2 * size and _done("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory))
    try:
        yield mounted
    finally:
        if mounted:
            unmount_below(directory)
            _done("umount", "--lazy", str(directory))


def _available() -> int:
    """Bytes of memory that programs can still get; 0 if the kernel does not say."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    return 0


def _done(tool: str, *arguments: str) -> bool:
    """Whether the tool exists and has succeeded within UNMOUNT_SECONDS."""
    if (path := which(tool)) is None:
        return False
    with contextlib.suppress(subprocess.SubprocessError):
        subprocess.run([path, *arguments], check=True, capture_output=True, timeout=UNMOUNT_SECONDS)
        return True
    return False
