"""Kills the worker during an adoption: at the start of its process, and after each change that it makes on disk."""

import itertools
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance.takeover.host import WORKER, Host
from tests.acceptance.takeover.old_stack import SERVICE_USER, STATE_FILE

ADOPTED_SECONDS, POLL_SECONDS = 180.0, 0.003
STAGED = (".", "tmp")
"""Prefixes of temporary files that are renamed when they are complete."""


def adopt_killed_at_every_write(host: Host, state: str | None) -> int:
    """Repeats the adoption and kills it one write later each time, until one completes; returns the number of kills."""
    return next(n for n in itertools.count() if not adopt_killed(host, state, n))


def adopt_killed(host: Host, state: str | None, after: int) -> bool:
    """Repeats the adoption from the old state file `state`, and kills the worker (-9) after `after` changes on disk.

    Waits until the adoption is complete; returns whether the worker was killed. Raises TimeoutError.
    """
    worker = host.beside.container(WORKER)
    worker.kill()
    _forget(host, state)
    seen = _disk(host)
    worker.start()
    worker.reload()
    pid, changes = int(worker.attrs["State"]["Pid"]), 0
    deadline = time.monotonic() + ADOPTED_SECONDS
    while changes < after and not _adopted(host):
        if (now := _disk(host)) != seen:
            seen, changes = now, changes + 1
        _check(deadline)
    if killed := changes >= after:
        os.kill(pid, signal.SIGKILL)  # ends its container too; the engine restarts it
    while not _adopted(host):
        _check(deadline)
    return killed


def _forget(host: Host, state: str | None) -> None:
    """Resets the updater's data to the state before its first start: only the old sidecar's state file may exist."""
    for path in host.data.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if state is not None:
        file = host.data / STATE_FILE
        file.write_text(state)
        file.chmod(0o600)
        os.chown(file, SERVICE_USER, SERVICE_USER)


def _adopted(host: Host) -> bool:
    """Whether the journal on disk names a live release."""
    try:
        return bool(json.loads((host.data / STATE_FILE).read_text()).get("current"))
    except (OSError, ValueError):
        return False


def _disk(host: Host) -> frozenset[tuple[str, int]]:
    """The path and inode of every file in the updater's and Traefik's directories, without temporary files."""
    return frozenset((*_files(host.data), *_files(host.live / "config" / "traefik")))


def _files(directory: Path) -> Iterator[tuple[str, int]]:
    try:
        entries = list(os.scandir(directory))
    except OSError:  # it was removed in the meantime
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        elif not entry.name.startswith(STAGED):
            yield entry.path, entry.inode()


def _check(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError(f"nothing was adopted within {ADOPTED_SECONDS:.0f} s")
    time.sleep(POLL_SECONDS)
