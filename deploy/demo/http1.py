"""A small HTTP/1.1 client for servers on this machine, which never retries.

A request takes 0.2 ms of CPU time, with httpx 3 ms: the load would take more of the machine than the stack under it.
"""

import asyncio
import ssl
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

HEAD_END = b"\r\n\r\n"
MOST_IDLE, IDLE_SECONDS = 50, 4.0
"""A client keeps this many connections open for later requests, each for less time than the servers here do."""


def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


ANY_CERTIFICATE = _any_certificate()
"""Every server is on this machine, and Traefik's default certificate is its own."""


@dataclass(frozen=True)
class Target:
    """Where clients send requests: `url` leads to this machine.

    `host`: the name that they ask for, in TLS too; None: the URL's own. `websocket`: whether they also open one.
    `prefix`: goes before every path.
    """

    url: str
    host: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    websocket: bool = True
    prefix: str = ""

    @property
    def tls(self) -> ssl.SSLContext | None:
        return ANY_CERTIFICATE if self.url.startswith("https:") else None

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "127.0.0.1", parts.port or (443 if self.tls else 80)


def target_of(target: Target | str) -> Target:
    """A URL alone is a target whose host is the URL's own."""
    return Target(target) if isinstance(target, str) else target


class BadAnswer(Exception):
    """The answer has no status or no length, so this client cannot read it."""


def request(method: str, path: str, headers: Mapping[str, str], body: bytes = b"", host: str = "127.0.0.1") -> bytes:
    """Returns the bytes of one request on a keep-alive connection."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def status_and_length(head: bytes) -> tuple[int, int]:
    """Parses the status and the body's length from an answer's head. Raises BadAnswer."""
    first, fields = parsed(head)
    try:
        return int(first.split(" ")[1]), int(fields["content-length"])
    except (IndexError, KeyError, ValueError) as error:
        raise BadAnswer(first) from error


def parsed(head: bytes) -> tuple[str, dict[str, str]]:
    """The first line, and the values by lower-case name."""
    first, *lines = head.decode("latin-1").split("\r\n")
    return first, {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def ends(head: bytes) -> bool:
    """Whether the server closes the connection after this answer."""
    return parsed(head)[1].get("connection", "").lower() == "close"


@dataclass(frozen=True)
class Connection:
    """A keep-alive connection to a server on this machine."""

    reader: StreamReader
    writer: StreamWriter

    @property
    def reusable(self) -> bool:
        """Whether neither side has closed it."""
        return not self.writer.is_closing() and not self.reader.at_eof() and self.reader.exception() is None

    async def ask(self, sent: bytes) -> tuple[int, bytes]:
        """Returns status and body. Raises BadAnswer, OSError or EOFError."""
        self.writer.write(sent)
        head = await self.reader.readuntil(HEAD_END)
        status, length = status_and_length(head)
        body = await self.reader.readexactly(length)
        if ends(head):
            self.writer.close()
        return status, body


class HttpClient:
    """Sends requests to `target` (or a URL), each within `limit` seconds, on connections that it keeps open."""

    def __init__(self, target: Target | str, limit: float) -> None:
        self._target, self._limit = target_of(target), limit
        self._host = self._target.host or urlsplit(self._target.url).netloc
        self._idle: list[tuple[float, Connection]] = []

    async def send(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Returns status and body. Raises BadAnswer, EOFError or OSError, which TimeoutError is too."""
        path = self._target.prefix + path
        async with asyncio.timeout(self._limit):
            connection = self._kept() or await self._new()
            try:
                answer = await connection.ask(request(method, path, self._target.headers, body, self._host))
            except BaseException:
                connection.writer.close()
                raise
        self._keep(connection)
        return answer

    async def _new(self) -> Connection:
        tls = self._target.tls
        name = self._target.host if tls else None
        return Connection(*await asyncio.open_connection(*self._target.address, ssl=tls, server_hostname=name))

    def _kept(self) -> Connection | None:
        """The connection that was used last, if it is still open; closes those that are not."""
        while self._idle:
            since, connection = self._idle.pop()
            if connection.reusable and time.monotonic() - since < IDLE_SECONDS:
                return connection
            connection.writer.close()
        return None

    def _keep(self, connection: Connection) -> None:
        if connection.reusable and len(self._idle) < MOST_IDLE:
            self._idle.append((time.monotonic(), connection))
        else:
            connection.writer.close()

    async def close(self) -> None:
        """Closes the connections that no request uses."""
        writers = [connection.writer for _, connection in self._idle]
        self._idle.clear()
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
