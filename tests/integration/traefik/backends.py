"""A minimal copy of a routed service."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.domain.stack import Color, RoutedService

BROKEN = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


def backend_url(service: RoutedService, color: Color) -> str:
    return f"http://{service.colors[color]}:{service.port}"


class Gate:
    """Holds requests for `/held`: the first one sets `reached`, and all continue once `opened` is set."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def hold(self) -> None:
        self.reached.set()
        await self.opened.wait()


@asynccontextmanager
async def backend(service: RoutedService, color: Color, gate: Gate) -> AsyncIterator[None]:
    """Answers every request with its name and color, and `/broken` with a 503.

    A connection stays open until the end of the block.
    """
    body = f"{service.name} {color}".encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            connections.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if head.startswith(b"GET /held "):
                    await gate.hold()
                writer.write(BROKEN if head.startswith(b"GET /broken ") else answer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async with await asyncio.start_server(serve, service.colors[color], service.port):
        yield
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
