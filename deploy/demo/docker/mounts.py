"""Finds mounts and unmounts them."""

import subprocess
from pathlib import Path

from deploy.demo.distribution.packages import which

UNMOUNT_SECONDS = 20


def unmount_below(*directories: Path) -> None:
    """Unmounts everything below the directories, deepest first. Leaves a mount that it cannot unmount."""
    roots = tuple(f"{directory}/" for directory in directories)
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(roots)), key=len, reverse=True):
        subprocess.run([which("umount") or "umount", "--lazy", mount], check=False, timeout=UNMOUNT_SECONDS)
