"""Ways in which a Docker daemon ends and comes back on the same data."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.demo.dockerd import STOP_SECONDS, Dockerd, connected

GONE_SECONDS = 20.0


def restart(daemon: Dockerd) -> None:
    """As `systemctl restart docker` does: every container ends and those with a restart policy come back."""
    if daemon.process is not None:
        daemon.process.terminate()
        daemon.process.wait(STOP_SECONDS)
    daemon.start()


def power_off(daemon: Dockerd) -> None:
    """The daemon and the containers' processes at once, with no time to say anything; no mount outlives that."""
    with connected(daemon.host) as client:
        pids = [c.attrs["State"]["Pid"] for c in client.containers.list(ignore_removed=True)]
    if daemon.process is not None:
        daemon.process.kill()
        _end(daemon, *pids)
        daemon.process.wait()
    daemon.unmount()
    shutil.rmtree(daemon.runtime / "exec", ignore_errors=True)


def _end(daemon: Dockerd, *containers: int) -> None:
    """Ends what outlives the daemon."""
    deadline = time.monotonic() + GONE_SECONDS
    while (left := {*(p for p in containers if _lives(p)), *_started(daemon)}) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _started(daemon: Dockerd) -> Iterator[int]:
    """containerd and its shims: their command lines name the runtime directory, which is this daemon's alone."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if f"{daemon.runtime}/exec".encode() in file.read_bytes():
                yield int(file.parent.name)


def _lives(pid: int) -> bool:
    """A zombie has no command line."""
    with contextlib.suppress(OSError):
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    return False
