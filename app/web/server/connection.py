"""One connection: Hypercorn's, with a deadline for each write and for the close."""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.tcp_server import MAX_RECV, TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr
from starlette.types import ASGIApp, Receive, Scope, Send

from app.web.server.exchange import Exchange
from app.web.server.http1 import Http1Only

WRITE_SECONDS = 10.0
PIECE_BYTES = 64 * 1024
"""A client has WRITE_SECONDS to take each piece of an answer. A stream may be silent as long as it likes."""

CLOSE_SECONDS = 2.0
"""Limit for sending what is left when a connection closes."""

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with 0 s: the kernel discards what the client did not read. https://man7.org/linux/man-pages/man7/socket.7.html"""

log = structlog.get_logger()


class Connection(TCPServer):
    """Serves one connection until it closes.

    `waiting_changed` is called when it begins or stops to wait for its client: for the next request, or until the
    client reads more of an answer.
    """

    def __init__(
        self,
        app: ASGIApp,
        config: Config,
        context: WorkerContext,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        waiting_changed: Callable[["Connection", bool], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(self._answer, loop, config, context, {}, *streams)  # type: ignore[arg-type]
        self._application = app
        self._waiting_changed = waiting_changed
        self._reading: asyncio.Task[None] | None = None
        # So that drain() waits until the kernel has everything, and nothing is left here when a request has ended.
        self.writer.transport.set_write_buffer_limits(high=0)

    async def run(self) -> None:
        sock = self.writer.get_extra_info("socket")
        try:
            client, server = (
                parse_socket_addr(sock.family, address()) for address in (sock.getpeername, sock.getsockname)
            )
            async with TaskGroup(self.loop) as self._task_group:
                self.protocol = Http1Only(  # type: ignore[assignment]
                    self.app,
                    self.config,
                    self.context,
                    self._task_group,
                    ConnectionState({}),
                    False,
                    client,
                    server,
                    self.protocol_send,
                )
                await self.idle_task.restart(self._task_group, self._idle_timeout)
                await self._read_until_closed()
                await self.idle_task.stop()
        finally:
            await self._close()

    async def _read_until_closed(self) -> None:
        """Reads in a task of its own, because Hypercorn goes on after the connection is lost, or waits for ever.

        The application goes on too: it may have something to do after its answer. That the connection is closed is
        handed over here, behind what the application has not read: the task of the reader may be cancelled in between.
        """
        self._reading = reading = self.loop.create_task(self._read_data())
        try:
            await asyncio.wait([reading])
        finally:
            reading.cancel()
        if not reading.cancelled():
            reading.result()
        await self.protocol.handle(Closed())

    async def _read_data(self) -> None:
        with suppress(OSError):
            while not self.reader.at_eof():
                await self.protocol.handle(RawData(await self.reader.read(MAX_RECV)))

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    async def _answer(self, scope: Scope, receive: Receive, send: Send, *_: Any) -> None:
        exchange = Exchange(receive, send, self._task_group.spawn)
        try:
            await self._application(scope, exchange.receive, exchange.send)
        finally:
            exchange.discard_body()

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, RawData):
            await self._write(event.data)
            return
        if isinstance(event, Updated):
            if self.reader.at_eof():
                return  # the connection does not wait for another request
            self._waiting_changed(self, event.idle)
        await super().protocol_send(event)
        if isinstance(event, Closed):
            self._stop_reading()

    async def _write(self, data: bytes) -> None:
        async with self.send_lock:
            try:
                for start in range(0, len(data), PIECE_BYTES):
                    await self._write_piece(data[start : start + PIECE_BYTES])
            except TimeoutError:
                log.info("a client does not read its answer: its connection is closed", seconds=WRITE_SECONDS)
                self.end()
            except (OSError, RuntimeError):
                self.end()

    async def _write_piece(self, piece: bytes) -> None:
        if self.writer.transport.is_closing():
            return
        self.writer.write(piece)
        if self._has_unsent():
            self._waiting_changed(self, True)
            async with asyncio.timeout(WRITE_SECONDS):
                await self.writer.drain()
            self._waiting_changed(self, False)

    def _has_unsent(self) -> bool:
        return self.writer.transport.get_write_buffer_size() > 0

    async def _close(self) -> None:
        late = self.loop.call_later(CLOSE_SECONDS, self.end)
        try:
            with suppress(OSError):
                await super()._close()
        finally:
            late.cancel()

    def leave(self) -> None:
        """Closes a connection that waits for its client. An idle client still gets the end of its last answer."""
        if self._has_unsent():
            self.end()
        else:
            self.writer.close()

    def end(self) -> None:
        """Closes the connection at once and discards what its client has not read. The application learns of it."""
        self._stop_reading()
        with suppress(OSError):
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.writer.transport.abort()
