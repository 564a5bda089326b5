"""A Redis server that a test can stop and restart with the same port and data."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from deploy.demo.processes import end_group, free_port
from deploy.demo.redis_server import redis_binary

START_SECONDS = 120.0
POLL_SECONDS = 0.02


class OwnRedis:
    """A Redis server that writes to disk before it answers, as the docs require.

    `env`: more environment variables, from the next start on.
    """

    def __init__(self, directory: Path) -> None:
        self._port = free_port()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.env: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        options = {"port": str(self._port), "bind": "127.0.0.1", "dir": str(self._directory), "save": ""}
        options |= {"appendonly": "yes", "appendfsync": "always", "logfile": "redis.log"}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen(
            [redis_binary(print), *words],
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait_until_up()

    def stop(self) -> None:
        if self._process is not None:
            end_group(self._process)
            self._process = None

    def kill(self) -> None:
        """Ends the server like a power failure."""
        assert self._process is not None
        self._process.kill()
        self.stop()

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        with redis.Redis.from_url(self.url, socket_timeout=1) as client:
            while True:
                try:
                    client.ping()
                except redis.RedisError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(POLL_SECONDS)
                else:
                    return


@contextlib.contextmanager
def own_redis(directory: Path) -> Iterator[OwnRedis]:
    """Runs a server until the end of the block."""
    server = OwnRedis(directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()
