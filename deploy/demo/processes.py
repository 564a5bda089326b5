"""Starts and ends the processes of `Procfile`."""

import atexit
import contextlib
import itertools
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
"""Below the ports that Linux gives to outgoing connections, so that no connection takes a port that was reserved."""

_given: deque[socket.socket] = deque(maxlen=64)
"""An abstract socket name for each recently reserved port: other processes see it, and it ends with this process."""


@atexit.register
def _give_back() -> None:
    for name in _given:
        name.close()


def free_port() -> int:
    """Reserves a free TCP port of the loopback interface, which other processes do not get soon.

    Raises RuntimeError if all of PORTS are in use.
    """
    first = random.SystemRandom().randrange(len(PORTS))
    for port in itertools.chain(PORTS[first:], PORTS[:first]):
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
    raise RuntimeError(f"all ports from {PORTS[0]} to {PORTS[-1]} are in use")


def procfile_commands(text: str) -> dict[str, list[str]]:
    """Returns the commands of a Procfile by name. https://devcenter.heroku.com/articles/procfile"""
    lines = (line.partition(":") for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {name.strip(): shlex.split(command) for name, _, command in lines}


@contextlib.contextmanager
def running(command: list[str], env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `command` as `started` does. At the end it sends SIGTERM, and SIGKILL after STOP_SECONDS."""
    process = started(command, env, log)
    try:
        yield process
    finally:
        end_group(process)


def started(command: list[str], env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Starts `command` in its own process group and appends its output to `log`.

    PATH begins with this interpreter's directory, so that `python` in a Procfile is this interpreter.
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
    """Ends the process and its children."""
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
