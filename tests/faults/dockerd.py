"""A private Docker Engine that can be killed and started again on the same data."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.demo import engine
from deploy.demo.engine import HOME, STOP_SECONDS, Engine, EngineUnavailable, Say, connected, empty
from deploy.demo.processes import end_group

GONE_SECONDS = 20.0


@dataclass
class Dockerd:
    """The daemon on `host`; the same runtime directory and the same data at every start."""

    runtime: Path
    bridge: str
    process: "subprocess.Popen[bytes]"

    @property
    def host(self) -> str:
        return f"unix://{self.runtime}/docker.sock"

    def start(self) -> None:
        (self.runtime / "pid").unlink(missing_ok=True)
        self.process = engine._start(self.runtime, self.bridge)
        engine._wait_until_up(self.process, self.host)

    def restart(self) -> None:
        """As `systemctl restart docker` does: every container ends and those with a restart policy come back."""
        self.process.terminate()
        self.process.wait(STOP_SECONDS)
        self.start()

    def power_off(self) -> None:
        """The daemon and the containers' processes at once, with no time to say anything; no mount outlives that."""
        with connected(self.host) as client:
            pids = [c.attrs["State"]["Pid"] for c in client.containers.list()]
        self.process.kill()
        self.end_started(*pids)
        self.process.wait()
        roots = (f"{self.runtime}/", f"{HOME / 'data'}/")
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for mount in sorted((m for m in mounts if m.startswith(roots)), key=len, reverse=True):
            engine._run("umount", "--lazy", mount, check=False)
        shutil.rmtree(self.runtime / "exec", ignore_errors=True)  # it is in memory, as /run is

    def end_started(self, *more: int) -> None:
        """Ends what outlives the daemon, and the processes `more`."""
        deadline = time.monotonic() + GONE_SECONDS
        while (left := {*(p for p in more if _lives(p)), *self._started()}) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def _started(self) -> Iterator[int]:
        """containerd and its shims: their command lines name the runtime directory, which is this daemon's alone."""
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if f"{self.runtime}/exec".encode() in file.read_bytes():
                    yield int(file.parent.name)


def _lives(pid: int) -> bool:
    """A zombie has no command line."""
    with contextlib.suppress(OSError):
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    return False


@contextlib.contextmanager
def own_dockerd(say: Say) -> Iterator[tuple[Engine, Dockerd]]:
    """As deploy.demo.engine.docker_engine(own=True), whose parts these are. Raises EngineUnavailable."""
    if os.geteuid() != 0:
        raise EngineUnavailable("ending a Docker Engine needs one of its own, and starting that needs root")
    engine._install(say)
    with engine._locked(say):
        engine._end_left_over(HOME / "running.json")
        runtime, bridge = Path(tempfile.mkdtemp(prefix="zu-")), f"zu{os.getpid()}"
        firewall, forwarding = engine._firewall(), Path("/proc/sys/net/ipv4/ip_forward")
        forwarded, daemon = forwarding.read_text(), None
        try:
            engine._make_bridge(bridge)
            daemon = Dockerd(runtime, bridge, engine._start(runtime, bridge))
            engine._wait_until_up(daemon.process, daemon.host)
            with connected(daemon.host) as client:
                empty(client)
            yield Engine(daemon.host, owned=True), daemon
            with connected(daemon.host) as client:
                empty(client)
        finally:
            if daemon is not None:
                end_group(daemon.process, STOP_SECONDS)
                daemon.end_started()
            engine._sweep(runtime, bridge)
            engine._restore_firewall(firewall)
            forwarding.write_text(forwarded)
