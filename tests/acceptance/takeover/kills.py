"""The worker killed in an adoption: at the process's start, and after each change that it makes on disk."""

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

ADOPTED_SECONDS, POLL_SECONDS = 30.0, 0.001
STAGED = (".", "tmp")
"""How the names of files begin that are renamed when they are whole."""


def adopt_killed_at_every_write(host: Host, state: str | None) -> int:
    """Adopts again and again, killed one write later each time, until one is not killed. How many were."""
    return next(n for n in itertools.count() if not adopt_killed(host, state, n))


def adopt_killed(host: Host, state: str | None, after: int) -> bool:
    """Adopts anew from the old state file `state`, the worker killed with -9 once `after` files were seen to change.

    Returns when it has adopted all the same; whether it was killed at all. Raises TimeoutError.
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
        os.kill(pid, signal.SIGKILL)  # its whole container ends with it, and is started again by the engine
    while not _adopted(host):
        _check(deadline)
    return killed


def _forget(host: Host, state: str | None) -> None:
    """The updater's data is as before its first start: at most the old sidecar's state file is there."""
    for path in host.data.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if state is not None:
        file = host.data / STATE_FILE
        file.write_text(state)
        file.chmod(0o600)
        os.chown(file, SERVICE_USER, SERVICE_USER)


def _adopted(host: Host) -> bool:
    """The journal on disk names what is live."""
    try:
        return bool(json.loads((host.data / STATE_FILE).read_text()).get("current"))
    except (OSError, ValueError):
        return False


def _disk(host: Host) -> frozenset[tuple[str, int]]:
    """Path and inode of every file of the updater and of Traefik's directory, those left out that are being written."""
    return frozenset((*_files(host.data), *_files(host.live / "config" / "traefik")))


def _files(directory: Path) -> Iterator[tuple[str, int]]:
    try:
        entries = list(os.scandir(directory))
    except OSError:  # it was removed meanwhile
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
