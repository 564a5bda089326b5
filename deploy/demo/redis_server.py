"""Runs a private Redis server: durable, on the loopback interface, ended with the `with` block."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from deploy.demo.docker.engine import EngineUnavailable, Say, apt_install
from deploy.demo.processes import ROOT, free_port, running

START_SECONDS = 60.0
POLL_SECONDS = 0.05

SERVER = "redis-server"
CHECKER = "redis-check-rdb"
"""The same program as the server: it acts by the name that it is called by. Debian ships it in redis-tools. Debian's
package redis-server would add a service, which would stay on the machine.

https://github.com/redis/redis/blob/7.0/src/server.c (main)
"""

LINK = ROOT / ".cache" / SERVER


def redis_binary(say: Say, link: Path = LINK) -> str:
    """Returns the wheel's server, else the distribution's, which is installed if missing. Raises EngineUnavailable.

    The wheel exists only for Python before 3.13. `link`: the link that gives a program of another name the server's.
    """
    beside = Path(sys.executable).with_name(SERVER)
    if beside.exists():
        return str(beside)
    if found := shutil.which(SERVER):
        return found
    return str(_named_server(shutil.which(CHECKER) or _install(say), link))


def _install(say: Say) -> str:
    if os.geteuid() != 0:
        raise EngineUnavailable(f"{SERVER} is missing. Install it (Debian: sudo apt-get install redis-tools).")
    apt_install(["redis-tools"], say)
    if found := shutil.which(CHECKER):
        return found
    raise EngineUnavailable(f"redis-tools is installed but has no {CHECKER}. Install a {SERVER}.")


def _named_server(checker: str, link: Path) -> Path:
    link.parent.mkdir(parents=True, exist_ok=True)
    new = link.with_name(f"{SERVER}.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.symlink_to(checker)
    return new.replace(link)


@contextlib.contextmanager
def redis_server(directory: Path, say: Say = print) -> Iterator[str]:
    """Runs a server with data and log in `directory` and yields its URL. Every write is on disk before the answer."""
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
        wait_until_up(process, directory / "redis.log", port)
        yield f"redis://127.0.0.1:{port}/0"


def wait_until_up(process: "subprocess.Popen[bytes]", log: Path, port: int, host: str = "127.0.0.1") -> None:
    """Waits until the server answers, for at most START_SECONDS. Raises EngineUnavailable with the end of its log."""
    deadline = time.monotonic() + START_SECONDS
    with redis.Redis(host, port, socket_timeout=1) as client:
        while True:
            try:
                client.ping()
            except redis.RedisError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise EngineUnavailable(f"Redis did not start:\n{log.read_text()[-1000:]}") from None
                time.sleep(POLL_SECONDS)
            else:
                return
