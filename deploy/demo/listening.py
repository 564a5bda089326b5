"""Processes that listen on a port of the loopback interface."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.processes import running

UP_SECONDS = 120.0
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Server:
    """A process that listens on `port` of the loopback interface."""

    port: int
    process: "subprocess.Popen[bytes]"


@contextlib.contextmanager
def listening(command: list[str], env: dict[str, str], port: int, log: Path) -> Iterator[Server]:
    """Runs `command` and waits until it listens on `port`. Raises RuntimeError with the end of its log."""
    with running(command, env, log) as process:
        deadline = time.monotonic() + UP_SECONDS
        while not _connects(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} does not listen on its port:\n{log.read_text()[-1500:]}")
            time.sleep(POLL_SECONDS)
        yield Server(port, process)


def _connects(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
