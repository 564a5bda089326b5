"""Two colors behind a real Traefik, all on the loopback interface: blue is 127.0.0.1, green 127.0.0.2."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import cast

from app.domain.routing.routes import ClientRoute, EntryPoint, HealthRequest
from app.domain.stack import Color, RoutedService, Stack, Traefik
from deploy.bench.method.servers import traefik_binary
from deploy.demo.listening import Server, listening
from deploy.demo.processes import free_port

ADDRESSES = {Color.BLUE: "127.0.0.1", Color.GREEN: "127.0.0.2"}


def stack_of(port: int) -> Stack:
    """Returns a stack with one routed service, whose colors listen on `port` of their addresses."""
    return Stack(
        project="bench",
        repository="zetherion/bench",
        source="none",
        directory="none",
        routed=(RoutedService("bench", ADDRESSES, port, HealthRequest("/"), (ClientRoute("bench"),)),),
        traefik=Traefik({"bench": EntryPoint("http://127.0.0.1")}),
    )


@contextlib.asynccontextmanager
async def two_colors() -> AsyncIterator[int]:
    """Runs both colors, which answer with their names. Yields their common port."""
    port, loop = free_port(), asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        for color, address in ADDRESSES.items():
            await stack.enter_async_context(await loop.create_server(partial(_Answering, color), address, port))
        yield port


class _Answering(asyncio.Protocol):
    """Answers every request of a connection with the color's name. The requests have no body."""

    def __init__(self, color: Color) -> None:
        self._answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(color)}\r\n\r\n{color}".encode()
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        *requests, self._received = (self._received + data).split(b"\r\n\r\n")
        self._transport.write(self._answer * len(requests))


@contextlib.contextmanager
def traefik(watched: Path, throttle: str) -> Iterator[Server]:
    """Runs Traefik on the directory `watched`. `throttle`: its providersThrottleDuration. Raises Missing."""
    port = free_port()
    options = {
        "entrypoints.bench.address": f"127.0.0.1:{port}",
        "providers.file.directory": str(watched),
        "providers.file.watch": "true",
        "providers.providersthrottleduration": throttle,
        "global.checknewversion": "false",
        "global.sendanonymoususage": "false",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    with listening([traefik_binary(), *words], {}, port, watched.parent / "traefik.log") as server:
        yield server
