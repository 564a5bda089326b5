"""Ends a Docker daemon in different ways and starts it again on the same data."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.demo.docker.dockerd import STOP_SECONDS, Dockerd, connected

GONE_SECONDS = 60.0


def restart(daemon: Dockerd) -> None:
    """Acts like `systemctl restart docker`: all containers end; those with a restart policy start again."""
    if daemon.process is not None:
        daemon.process.terminate()
        daemon.process.wait(STOP_SECONDS)
    daemon.start()


def power_off(daemon: Dockerd) -> None:
    """Kills the daemon and the containers' processes at once, without warning, and removes their mounts."""
    with connected(daemon.host) as client:
        pids = [c.attrs["State"]["Pid"] for c in client.containers.list(ignore_removed=True)]
    if daemon.process is not None:
        daemon.process.kill()
        _kill_all(daemon, *pids)
        daemon.process.wait()
    daemon.unmount()
    shutil.rmtree(daemon.runtime / "exec", ignore_errors=True)


def _kill_all(daemon: Dockerd, *containers: int) -> None:
    """Kills the processes that outlive the daemon."""
    deadline = time.monotonic() + GONE_SECONDS
    while (left := {*(p for p in containers if _is_alive(p)), *_helper_pids(daemon)}) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _helper_pids(daemon: Dockerd) -> Iterator[int]:
    """Yields the PIDs of containerd and its shims: their command lines name this daemon's own runtime directory."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if f"{daemon.runtime}/exec".encode() in file.read_bytes():
                yield int(file.parent.name)


def _is_alive(pid: int) -> bool:
    """A zombie has no command line."""
    with contextlib.suppress(OSError):
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    return False
