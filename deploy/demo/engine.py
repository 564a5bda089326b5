"""A Docker Engine to work on: the one that answers, else a private one that leaves nothing behind."""

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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import APIError, DockerException

from deploy.demo.network import Tables, free_subnet, tables, undo
from deploy.demo.processes import ROOT, end_group

HOME = ROOT / ".cache" / "engine"
OWN_ENGINE = "UPDATER_TEST_OWN_ENGINE"
"""When set in the environment, a private engine is started whatever answers."""

PING_SECONDS = 5
START_SECONDS = 60.0
STOP_SECONDS = 60.0
LOCK_SECONDS = 600.0
POLL_SECONDS = 0.2
COMMAND_SECONDS = 60
PACKAGES = ("docker.io", "iptables", "iproute2")
POOL = "base=10.214.0.0/16,size=24"

Say = Callable[[str], None]


class EngineUnavailable(Exception):
    """There is no Docker Engine here, and none could be started; the text says what to do."""


@dataclass(frozen=True)
class Engine:
    """`host` as DOCKER_HOST has it; `owned`: it was started here and ends with the `with` block."""

    host: str
    owned: bool


def exit_on_sigterm() -> None:
    """Has SIGTERM unwind the stack as Ctrl-C does, so that everything started is ended."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)


@contextlib.contextmanager
def docker_engine(say: Say, *, own: bool = False) -> Iterator[Engine]:
    """The engine that answers, or a private one. Raises EngineUnavailable."""
    own = own or bool(os.environ.get(OWN_ENGINE))
    if not own and (host := answering()):
        yield Engine(host, owned=False)
        return
    if os.geteuid() != 0:
        raise EngineUnavailable(
            "No Docker Engine answers, and starting one needs root. "
            "Install and start Docker (Debian: sudo apt-get install docker.io), or set DOCKER_HOST, and run this again."
        )
    _install(say)
    if not own and (host := answering()):
        yield Engine(host, owned=False)
        return
    with _locked(say), _private_engine(say) as host:
        yield Engine(host, owned=True)


def answering() -> str | None:
    """The address of an engine that answers: DOCKER_HOST, else the default socket."""
    host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    return host if _answers(host) else None


def _answers(host: str) -> bool:
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


@contextlib.contextmanager
def connected(host: str, timeout: int = 60) -> Iterator[docker.DockerClient]:
    """A client of the engine at `host`, whose calls take at most `timeout` seconds."""
    client = docker.DockerClient(base_url=host, timeout=timeout)
    try:
        yield client
    finally:
        client.close()


def apt_install(packages: Sequence[str], say: Say) -> None:
    """Installs from the distribution. Raises EngineUnavailable with apt's last words."""
    if shutil.which("apt-get") is None:
        raise EngineUnavailable(
            f"{', '.join(packages)} is missing and there is no apt-get. Install it and run this again."
        )
    say(f"installing {' '.join(packages)} from the distribution")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if run_apt(install).returncode:
        run_apt(["apt-get", "update"])
        if (again := run_apt(install)).returncode:
            raise EngineUnavailable(f"{' '.join(install)} failed:\n{again.stderr[-1500:]}")


def run_apt(command: list[str]) -> "subprocess.CompletedProcess[str]":
    """Runs a command of the package tools: no questions, its output kept."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=600
    )


def _install(say: Say) -> None:
    missing = [p for p, tool in zip(PACKAGES, ("dockerd", "iptables", "ip"), strict=True) if not which(tool)]
    if missing:
        apt_install(missing, say)


def which(tool: str) -> str | None:
    """Where `tool` is, the administrator's directories included."""
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


@contextlib.contextmanager
def _locked(say: Say) -> Iterator[None]:
    """One private engine at a time: two on one data directory would destroy it."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
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


@contextlib.contextmanager
def _private_engine(say: Say) -> Iterator[str]:
    say("starting a Docker Engine of our own")
    _end_left_over(HOME / "running.json")
    runtime = Path(tempfile.mkdtemp(prefix="zu-"))
    bridge = f"zu{os.getpid()}"
    firewall = _firewall()
    forwarding = Path("/proc/sys/net/ipv4/ip_forward")
    forwarded = forwarding.read_text()
    process: subprocess.Popen[bytes] | None = None
    try:
        _make_bridge(bridge)
        process = _start(runtime, bridge)
        (HOME / "running.json").write_text(json.dumps({"pid": process.pid, "runtime": str(runtime), "bridge": bridge}))
        host = f"unix://{runtime}/docker.sock"
        _wait_until_up(process, host)
        with connected(host) as client:
            empty(client)
            yield host
            empty(client)
    finally:
        if process is not None:
            end_group(process, STOP_SECONDS)
        _sweep(runtime, bridge)
        _restore_firewall(firewall)
        forwarding.write_text(forwarded)
        (HOME / "running.json").unlink(missing_ok=True)


def _start(runtime: Path, bridge: str) -> "subprocess.Popen[bytes]":
    command = [
        which("dockerd") or "dockerd",
        *("--data-root", str(HOME / "data"), "--exec-root", str(runtime / "exec")),
        *("--pidfile", str(runtime / "pid"), "--host", f"unix://{runtime}/docker.sock"),
        *("--bridge", bridge, "--default-address-pool", POOL),
    ]
    env = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    with (HOME / "dockerd.log").open("wb") as log:
        return subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _wait_until_up(process: "subprocess.Popen[bytes]", host: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _answers(host):
            return
        time.sleep(POLL_SECONDS)
    tail = (HOME / "dockerd.log").read_text(errors="replace")[-1500:]
    raise EngineUnavailable(f"The Docker Engine that was started did not come up. Its last words:\n{tail}")


def empty(client: docker.DockerClient) -> None:
    """Removes every container and network of the engine: only for one that is ours."""
    for container in client.containers.list(all=True, ignore_removed=True):
        with contextlib.suppress(APIError):
            container.remove(force=True, v=True)
    with contextlib.suppress(APIError):
        client.networks.prune()
    with contextlib.suppress(APIError):
        client.volumes.prune()


def _end_left_over(record: Path) -> None:
    """Ends the engine of a run that was killed before it could."""
    if not record.exists():
        return
    left = json.loads(record.read_text())
    command = Path(f"/proc/{left['pid']}/cmdline")
    if command.exists() and str(HOME / "data").encode() in command.read_bytes():
        os.kill(left["pid"], signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while command.exists() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    _sweep(Path(left["runtime"]), left["bridge"])
    record.unlink()


def _make_bridge(name: str) -> None:
    """A bridge of its own, in a subnet that no route of this machine has: docker0 may be another engine's."""
    subnet = free_subnet(_run("ip", "-4", "route"))
    if subnet is None:
        raise EngineUnavailable("Every subnet for a private engine is taken here. Set DOCKER_HOST and run this again.")
    _run("ip", "link", "add", name, "type", "bridge")
    _run("ip", "address", "add", subnet, "dev", name)
    _run("ip", "link", "set", name, "up")


def _sweep(runtime: Path, bridge: str) -> None:
    """Unmounts and removes what the engine leaves behind when it stops."""
    roots = (str(runtime), str(HOME / "data"))
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(roots)), key=len, reverse=True):
        _run("umount", "--lazy", mount, check=False)
    shutil.rmtree(runtime, ignore_errors=True)
    _run("ip", "link", "delete", bridge, check=False)


def _firewall() -> Tables:
    return tables(_run("iptables-save", check=False))


def _restore_firewall(before: Tables) -> None:
    for command in undo(before, _firewall()):
        _run(*command, check=False)


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
