"""A Docker daemon of one's own: what it keeps is in its home, all else ends with it."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import APIError, DockerException

from deploy.demo.mounts import unmount_below
from deploy.demo.network import Tables, free_subnet, tables, undo
from deploy.demo.packages import EngineUnavailable, Say, apt_install, which
from deploy.demo.processes import end_group

PING_SECONDS = 5
START_SECONDS = 60.0
STOP_SECONDS = 60.0
LOCK_SECONDS = 600.0
POLL_SECONDS = 0.2
COMMAND_SECONDS = 60
PACKAGES = ("docker.io", "iptables", "iproute2")
POOL = "base=10.214.0.0/16,size=24"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


@contextlib.contextmanager
def connected(host: str, timeout: int = 60) -> Iterator[docker.DockerClient]:
    """A client of the engine at `host`, whose calls take at most `timeout` seconds."""
    client = docker.DockerClient(base_url=host, timeout=timeout)
    try:
        yield client
    finally:
        client.close()


def answers(host: str) -> bool:
    """Whether an engine is there and well."""
    if host.startswith("unix://") and not _listens(host.removeprefix("unix://")):
        return False  # the SDK would leave its socket open
    with contextlib.suppress(DockerException), connected(host, PING_SECONDS) as client:
        return bool(client.ping())
    return False


def _listens(path: str) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PING_SECONDS)
        probe.connect(path)
        return True
    return False


def install(say: Say) -> None:
    """The daemon and what it needs, from the distribution. Raises EngineUnavailable."""
    missing = [p for p, tool in zip(PACKAGES, ("dockerd", "iptables", "ip"), strict=True) if not which(tool)]
    if missing:
        apt_install(missing, say)


@dataclass
class Dockerd:
    """`home`: its data and its log, kept for the next run. `runtime`: its sockets, in memory as /run is."""

    home: Path
    runtime: Path
    bridge: str
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def host(self) -> str:
        return f"unix://{self.runtime}/docker.sock"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def record(self) -> Path:
        """Where the next run finds what a run that was killed has left."""
        return self.home / "running.json"

    def start(self) -> None:
        """A first time, or again on the same data. Raises EngineUnavailable with its last words."""
        (self.runtime / "pid").unlink(missing_ok=True)
        self.process = self._begin()
        self.record.write_text(
            json.dumps({"pid": self.process.pid, "runtime": str(self.runtime), "bridge": self.bridge})
        )
        self._wait_until_up(self.process)

    def forget_networks(self) -> None:
        """Before the first start: from a bridge of an earlier run, which is gone, it would deduce that docker0 is its
        own to delete. That may be another engine's."""
        shutil.rmtree(self.data / "network", ignore_errors=True)

    def stop(self) -> None:
        """It and its containers end; nothing that it mounted or connected stays."""
        if self.process is not None:
            end_group(self.process, STOP_SECONDS)
        self.unmount()
        shutil.rmtree(self.runtime, ignore_errors=True)
        _run("ip", "link", "delete", self.bridge, check=False)
        self.record.unlink(missing_ok=True)

    def unmount(self) -> None:
        """Whatever it has mounted."""
        unmount_below(self.runtime, self.data)

    def _begin(self) -> "subprocess.Popen[bytes]":
        command = [
            which("dockerd") or "dockerd",
            *("--data-root", str(self.data), "--exec-root", str(self.runtime / "exec")),
            *("--pidfile", str(self.runtime / "pid"), "--host", self.host),
            *("--bridge", self.bridge, "--default-address-pool", POOL),
        ]
        env = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
        with (self.home / "dockerd.log").open("wb") as log:
            return subprocess.Popen(
                command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _wait_until_up(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if answers(self.host):
                return
            time.sleep(POLL_SECONDS)
        tail = (self.home / "dockerd.log").read_text(errors="replace")[-1500:]
        raise EngineUnavailable(f"The Docker Engine that was started did not come up. Its last words:\n{tail}")


@contextlib.contextmanager
def own_dockerd(home: Path, say: Say) -> Iterator[Dockerd]:
    """Started on the data in `home`, and with no container in it. Needs root. Raises EngineUnavailable."""
    with _locked(home, say), _firewall_as_it_was():
        say("starting a Docker Engine of our own")
        _end_left_over(home)
        daemon = Dockerd(home, Path(tempfile.mkdtemp(prefix="zu-")), f"zu{os.getpid()}")
        try:
            _make_bridge(daemon.bridge)
            daemon.forget_networks()
            daemon.start()
            with connected(daemon.host) as client:
                empty(client)
            yield daemon
            with connected(daemon.host) as client:
                empty(client)
        finally:
            daemon.stop()


@contextlib.contextmanager
def _locked(home: Path, say: Say) -> Iterator[None]:
    """One daemon at a time: two on one data directory would destroy it."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        deadline, told = time.monotonic() + LOCK_SECONDS, False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EngineUnavailable(
                        f"Another run of this project has used its engine for {LOCK_SECONDS:.0f} s. Let it end first."
                    ) from None
            if not told:
                say("another run of this project uses its engine; waiting for it to end")
                told = True
            time.sleep(POLL_SECONDS)
        yield


def empty(client: docker.DockerClient) -> None:
    """Removes every container and network of the engine: only for one that is ours."""
    for container in client.containers.list(all=True, ignore_removed=True):
        with contextlib.suppress(APIError):
            container.remove(force=True, v=True)
    with contextlib.suppress(APIError):
        client.networks.prune()
    with contextlib.suppress(APIError):
        client.volumes.prune()


def _end_left_over(home: Path) -> None:
    """Ends the daemon of a run that was killed before it could."""
    record = home / "running.json"
    if not record.exists():
        return
    left = json.loads(record.read_text())
    daemon, command = Dockerd(home, Path(left["runtime"]), left["bridge"]), Path(f"/proc/{left['pid']}/cmdline")
    if command.exists() and str(daemon.data).encode() in command.read_bytes():
        os.kill(left["pid"], signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while command.exists() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    daemon.stop()


def _make_bridge(name: str) -> None:
    """A bridge of its own, in a subnet that no route of this machine has: docker0 may be another engine's."""
    subnet = free_subnet(_run("ip", "-4", "route"))
    if subnet is None:
        raise EngineUnavailable("Every subnet for a private engine is taken here. Set DOCKER_HOST and run this again.")
    _run("ip", "link", "add", name, "type", "bridge")
    _run("ip", "address", "add", subnet, "dev", name)
    _run("ip", "link", "set", name, "up")


@contextlib.contextmanager
def _firewall_as_it_was() -> Iterator[None]:
    before, forwarded = _firewall(), FORWARDING.read_text()
    try:
        yield
    finally:
        for command in undo(before, _firewall()):
            _run(*command, check=False)
        FORWARDING.write_text(forwarded)


def _firewall() -> Tables:
    return tables(_run("iptables-save", check=False))


def _run(*command: str, check: bool = True) -> str:
    tool = which(command[0])
    if tool is None:
        if check:
            raise EngineUnavailable(f"{command[0]} is missing. Install it and run this again.")
        return ""
    done = subprocess.run([tool, *command[1:]], capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS)
    if check and done.returncode:
        raise EngineUnavailable(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout
