"""The web process ends in time after SIGTERM, regardless of its clients."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from arq.connections import ArqRedis

from app.auth.callers import SharedSecret
from app.ledger import Ledger
from app.web.body import BODY_SECONDS
from app.web.server.serve import GRACEFUL_SECONDS
from tests.integration.waiting import until
from tests.integration.web.deliveries import head, headers
from tests.integration.web.server.process import START_SECONDS, WebProcess, web_process

pytestmark = pytest.mark.redis

ROLLOUT = "r-1"
LINES = ["x" * 20_000] * 500
"""One chunk of the answer; larger than the buffers of a connection. The ledger itself would write shorter lines."""

LIMIT = 60.0
ENDED = "open connections were ended"
"""The web process logs so if a connection was still open GRACEFUL_SECONDS after the signal."""

NOT_READ = "a client does not read its answer"
"""It logs so when a write has taken WRITE_SECONDS."""


@contextmanager
def connection(url: str, *sent: bytes) -> Iterator[socket.socket]:
    """Sends `sent` and then reads nothing."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port or 80)) as client:
        client.settimeout(START_SECONDS)
        client.sendall(b"".join(sent))
        yield client


async def ends(process: WebProcess) -> bool:
    """Sends SIGTERM, and waits for the end. Returns whether the process waited GRACEFUL_SECONDS for a connection."""
    os.kill(process.pid, signal.SIGTERM)
    state = Path(f"/proc/{process.pid}/stat")
    await until(lambda: state.read_text().rpartition(")")[2].split()[0] == "Z", LIMIT)
    return ENDED in process.log.read_text()


async def test_idle_connections_do_not_delay_shutdown(redis_url: str, namespace: str, tmp_path: Path) -> None:
    with web_process(redis_url, namespace, tmp_path) as process, connection(process.public) as client:
        client.sendall(head([], "GET /health HTTP/1.1"))
        assert client.recv(4096)
        assert not await ends(process)


async def test_stalled_body_does_not_delay_shutdown(redis_url: str, namespace: str, tmp_path: Path) -> None:
    fields = [*headers(b"x" * 100).items(), ("Content-Length", "100")]
    with web_process(redis_url, namespace, tmp_path) as process, connection(process.public, head(fields), b"x"):
        assert BODY_SECONDS < GRACEFUL_SECONDS
        assert not await ends(process), "its own limit ended it"


async def test_stalled_reader_does_not_delay_shutdown(
    redis_url: str, namespace: str, ledger: Ledger, pool: ArqRedis, tmp_path: Path
) -> None:
    for line in LINES:
        await pool.xadd(ledger.key(f"log:{ROLLOUT}"), {"line": line})
    with web_process(redis_url, namespace, tmp_path) as process:
        secret = SharedSecret(tmp_path / "secret").keys()[0].decode()
        request = head([("X-Updater-Secret", secret)], f"GET /update/rollouts/{ROLLOUT}/log?follow=1 HTTP/1.1")
        with connection(process.internal, request) as client:
            while b"xxx" not in client.recv(4096):
                pass
            await ends(process)
        events = [line["event"] for line in process.lines()]
        assert [event for event in events if event.startswith((ENDED, NOT_READ))], "one of the limits has ended it"
        assert not [event for event in events if "Exception" in event]
