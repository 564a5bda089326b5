"""The web process as the Procfile starts it, for tests that watch its memory and log from outside."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy.demo.clients import plain_sync_client
from deploy.demo.processes import free_port, running
from tests.integration.web.conftest import environ

START_SECONDS = 180.0
MIB = 1024 * 1024


@dataclass(frozen=True)
class WebProcess:
    public: str
    internal: str
    pid: int
    log: Path

    def memory(self) -> float:
        """The current resident memory in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def lines(self) -> list[dict[str, Any]]:
        """The lines of its log. Raises ValueError if one is not JSON: a traceback, or a forged line."""
        return [_read(line) for line in self.log.read_text().splitlines()]


def _read(line: str) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json.loads(line)
    except ValueError as error:
        raise ValueError(f"a line of the log is not JSON: {line!r}") from error
    return read


@contextmanager
def web_process(redis_url: str, namespace: str, directory: Path, **settings: str) -> Iterator[WebProcess]:
    public, internal = f"127.0.0.1:{free_port()}", settings.get("UPDATER_BIND", f"127.0.0.1:{free_port()}")
    variables = environ(redis_url, namespace, directory) | settings
    variables |= {"UPDATER_PUBLIC_BIND": public, "UPDATER_BIND": internal, "PYTHONUNBUFFERED": "1"}
    log = directory / "web.log"
    with running([sys.executable, "-m", "app.main"], variables, log) as process:
        _wait_until_up(internal, log)
        yield WebProcess(f"http://{public}", f"http://{internal}", process.pid, log)


def _wait_until_up(internal: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with plain_sync_client(timeout=30) as client:
        while True:
            try:
                client.get(f"http://{internal}/health").raise_for_status()
            except httpx.HTTPError:
                if time.monotonic() > deadline:
                    raise TimeoutError(log.read_text()) from None
                time.sleep(0.05)
            else:
                return
