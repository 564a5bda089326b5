"""The processes of `Procfile`, and how they end."""

import atexit
import contextlib
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 20.0

PORTS = range(20_000, 32_768)
"""Below those that Linux gives to outgoing connections: none of them takes a port before whoever it is for does."""

_given: deque[socket.socket] = deque(maxlen=64)
"""A name in the abstract namespace for each port that was given last: other processes see it, and it ends with ours."""


@atexit.register
def _give_back() -> None:
    for name in _given:
        name.close()


def free_port() -> int:
    """A TCP port of the loopback interface that nothing listens on now, and that no other process is given soon.

    Raises RuntimeError when all of PORTS are taken.
    """
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            name = socket.socket(socket.AF_UNIX)
            try:
                name.bind(f"\0zetherion-updater-port-{port}")
            except OSError:
                name.close()
                continue
            if len(_given) == _given.maxlen:
                _given[0].close()
            _given.append(name)
            return port
    raise RuntimeError(f"every port from {PORTS[0]} to {PORTS[-1]} is taken")


def procfile_commands(text: str) -> dict[str, list[str]]:
    """The commands of a Procfile's `text` by name. https://devcenter.heroku.com/articles/procfile"""
    lines = (line.partition(":") for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {name.strip(): shlex.split(command) for name, _, command in lines}


@contextlib.contextmanager
def running(command: list[str], env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`command`, as `started` has it; on the way out SIGTERM, and SIGKILL after STOP_SECONDS."""
    process = started(command, env, log)
    try:
        yield process
    finally:
        end_group(process)


def started(command: list[str], env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """`command` in a group of its own, its output at the end of `log`.

    This interpreter's directory is the first of its PATH: `python` in a Procfile is this one.
    """
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env={**os.environ, "PATH": path, **env},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def end_group(process: subprocess.Popen[bytes], limit: float = STOP_SECONDS) -> None:
    """Ends the process and what it started."""
    try:
        if process.poll() is None:
            process.terminate()
            process.wait(limit)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
