"""Signed deliveries, and raw bytes on a socket for requests that no correct client sends."""

import asyncio
import hmac
import json
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.integration.web.conftest import WEBHOOK_SECRET

ANSWER_SECONDS = 60.0


def release_body(tag: str = "v1.1.0", release_id: int = 2, **change: Any) -> bytes:
    release = {"id": release_id, "tag_name": tag, "draft": False, "prerelease": False}
    repository = {"id": 1, "full_name": "octo/shop"}
    return json.dumps({"action": "published", "release": release, "repository": repository, **change}).encode()


def signature(body: bytes, secret: str = WEBHOOK_SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()


def form(content: bytes) -> bytes:
    """`content` as GitHub encodes it by default."""
    return urlencode({"payload": content}).encode()


def headers(body: bytes, event: str = "release", secret: str = WEBHOOK_SECRET, **change: str) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": "3f2b7c1e-0000-4000-8000-000000000001",
        "X-Hub-Signature-256": signature(body, secret),
        **change,
    }


def head(fields: list[tuple[str, str]], start: str = "POST /webhooks/github HTTP/1.1") -> bytes:
    lines = [start, "Host: updater", *(f"{name}: {value}" for name, value in fields)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


async def raw(url: str, *parts: bytes, pause: float = 0.0, limit: float = ANSWER_SECONDS) -> int:
    """Sends `parts` unchanged, `pause` seconds apart; returns the status of the answer, or 0 without one.

    Raises TimeoutError without an answer within `limit` seconds.
    """
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        sending = asyncio.create_task(_send(writer, parts, pause))
        async with asyncio.timeout(limit):
            line = await reader.readline()
        sending.cancel()
        return int(line.split()[1]) if line else 0
    except ConnectionError:
        return 0
    finally:
        writer.close()


async def _send(writer: asyncio.StreamWriter, parts: tuple[bytes, ...], pause: float) -> None:
    for part in parts:
        writer.write(part)
        try:
            await writer.drain()
        except ConnectionError:
            return
        await asyncio.sleep(pause)


class KeptConnection(AbstractContextManager["KeptConnection"]):
    """One connection for many requests: little work for the sender, so that the test measures the receiver.

    Leaving its context closes it, so that a test that fails leaves no open connection to the tests after it.
    """

    def __init__(self, url: str) -> None:
        self._where = urlsplit(url)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def deliver(self, body: bytes, **change: str) -> tuple[int, dict[str, Any]]:
        """Sends a delivery; returns the status and content of the answer. Raises ConnectionError."""
        reader, writer = self._streams or await asyncio.open_connection(self._where.hostname, self._where.port)
        self._streams = (reader, writer)
        common = {**headers(body, **change), "Content-Length": str(len(body))}
        writer.write(head(list(common.items())) + body)
        answered = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(answered.partition("content-length:")[2].split()[0])
        content = await reader.readexactly(length)
        if "connection: close" in answered:
            self.close()
        return int(answered.split()[1]), json.loads(content)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
