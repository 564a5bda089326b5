"""Runs a private Docker daemon. Its data stays in its home directory; everything else ends with it."""

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
from requests.exceptions import RequestException

from deploy.demo.distribution.packages import EngineUnavailable, Say, apt_install, which
from deploy.demo.docker.commands import run
from deploy.demo.docker.mounts import unmount_below
from deploy.demo.docker.network import Tables, free_subnet, tables, undo
from deploy.demo.processes import end_group

PING_SECONDS = 20
START_SECONDS = 180.0
STOP_SECONDS = 180.0
LOCK_SECONDS = 600.0
POLL_SECONDS = 0.2
PACKAGES = ("docker.io", "iptables", "iproute2")
POOL = "base=10.214.0.0/16,size=24"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
FEW_COLLECTIONS = {"GOGC": "400"}
"""The engine starts itself several times for each container. With the default (100) a third of such a start is spent on
collecting garbage. https://pkg.go.dev/runtime#hdr-Environment_Variables
"""


@contextlib.contextmanager
def connected(host: str, timeout: int = 60) -> Iterator[docker.DockerClient]:
    """Connects to the engine at `host`. Calls take at most `timeout` seconds."""
    client = docker.DockerClient(base_url=host, timeout=timeout)
    try:
        yield client
    finally:
        client.close()


def answers(host: str) -> bool:
    """Returns whether an engine answers at `host`."""
    if host.startswith("unix://") and not listens(host.removeprefix("unix://")):
        return False  # the SDK would leave its socket open
    with contextlib.suppress(DockerException), connected(host, PING_SECONDS) as client:
        return bool(client.ping())
    return False


def listens(path: str) -> bool:
    """Whether something listens at this socket in the file system."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PING_SECONDS)
        probe.connect(path)
        return True
    return False


def install(say: Say) -> None:
    """Installs the daemon and its dependencies from the distribution. Raises EngineUnavailable."""
    missing = [p for p, tool in zip(PACKAGES, ("dockerd", "iptables", "ip"), strict=True) if not which(tool)]
    if missing:
        apt_install(missing, say)


@dataclass
class Dockerd:
    """A private daemon. `home`: its data and log, kept for the next run. `runtime`: its sockets, in memory as /run."""

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
        """The file from which the next run learns what a killed run left."""
        return self.home / "running.json"

    def start(self) -> None:
        """Starts the daemon, also again on the same data. Raises EngineUnavailable with the end of its log."""
        (self.runtime / "pid").unlink(missing_ok=True)
        self.process = self._begin()
        self.record.write_text(
            json.dumps({"pid": self.process.pid, "runtime": str(self.runtime), "bridge": self.bridge})
        )
        self._wait_until_up(self.process)

    def forget_networks(self) -> None:
        """Deletes the network data before the first start.

        Otherwise the daemon would conclude from an earlier run's missing bridge that it may delete docker0, which may
        belong to another engine.
        """
        shutil.rmtree(self.data / "network", ignore_errors=True)

    def stop(self) -> None:
        """Stops the daemon and its containers. Removes its mounts and its bridge."""
        if self.process is not None:
            end_group(self.process, STOP_SECONDS)
        self.unmount()
        shutil.rmtree(self.runtime, ignore_errors=True)
        run("ip", "link", "delete", self.bridge, check=False)
        self.record.unlink(missing_ok=True)

    def unmount(self) -> None:
        """Unmounts everything that the daemon mounted."""
        unmount_below(self.runtime, self.data)

    @property
    def command(self) -> list[str]:
        return [*self.common, "--bridge", self.bridge]

    @property
    def common(self) -> list[str]:
        """The part of the command that every daemon has."""
        return [
            which("dockerd") or "dockerd",
            *("--data-root", str(self.data), "--exec-root", str(self.runtime / "exec")),
            *("--pidfile", str(self.runtime / "pid"), "--host", self.host),
            *("--default-address-pool", POOL),
        ]

    def _begin(self) -> "subprocess.Popen[bytes]":
        env = {**FEW_COLLECTIONS, **os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
        with (self.home / "dockerd.log").open("wb") as log:
            return subprocess.Popen(
                self.command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _wait_until_up(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if answers(self.host):
                return
            time.sleep(POLL_SECONDS)
        tail = (self.home / "dockerd.log").read_text(errors="replace")[-1500:]
        raise EngineUnavailable(f"The private Docker Engine did not start. The end of its log:\n{tail}")


@contextlib.contextmanager
def own_dockerd(home: Path, say: Say) -> Iterator[Dockerd]:
    """Runs a daemon on the data in `home`, without containers. Needs root. Raises EngineUnavailable."""
    with locked(home, say), _firewall_as_it_was():
        say("starting a private Docker Engine")
        _end_left_over(home)
        daemon = Dockerd(home, Path(tempfile.mkdtemp(prefix="zu-")), f"zu{os.getpid()}")
        try:
            _make_bridge(daemon.bridge)
            daemon.forget_networks()
            daemon.start()
            with connected(daemon.host) as client:
                empty(client)
            yield daemon
        finally:
            with contextlib.suppress(DockerException, RequestException), connected(daemon.host) as client:
                empty(client)  # also after a failure: the bridges of networks outlive the daemon
            daemon.stop()


@contextlib.contextmanager
def locked(home: Path, say: Say) -> Iterator[None]:
    """Allows one daemon at a time: two would destroy their common data directory."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        deadline, reported = time.monotonic() + LOCK_SECONDS, False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EngineUnavailable(
                        f"Another run of this project has used its engine for {LOCK_SECONDS:.0f} s. Let it end first."
                    ) from None
            if not reported:
                say("another run of this project uses its engine; waiting for it to end")
                reported = True
            time.sleep(POLL_SECONDS)
        yield


def empty(client: docker.DockerClient) -> None:
    """Removes every container, network and volume of the engine. Call it only on a private engine."""
    for container in client.containers.list(all=True, ignore_removed=True):
        with contextlib.suppress(APIError):
            container.remove(force=True, v=True)
    with contextlib.suppress(APIError):
        client.networks.prune()
    with contextlib.suppress(APIError):
        client.volumes.prune()


def _end_left_over(home: Path) -> None:
    """Ends the daemon of a killed run."""
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
    """Creates a separate bridge, in a subnet without a route here: docker0 may belong to another engine."""
    subnet = free_subnet(run("ip", "-4", "route"))
    if subnet is None:
        raise EngineUnavailable("All subnets for a private engine are in use. Set DOCKER_HOST and run this again.")
    run("ip", "link", "add", name, "type", "bridge")
    run("ip", "address", "add", subnet, "dev", name)
    run("ip", "link", "set", name, "up")


@contextlib.contextmanager
def _firewall_as_it_was() -> Iterator[None]:
    before, forwarded = _firewall(), FORWARDING.read_text()
    try:
        yield
    finally:
        for command in undo(before, _firewall()):
            run(*command, check=False)
        FORWARDING.write_text(forwarded)


def _firewall() -> Tables:
    return tables(run("iptables-save", check=False))
