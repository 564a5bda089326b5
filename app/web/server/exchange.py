"""One request and its answer, between Hypercorn and the application."""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.types import Message, Receive, Send

GONE = "http.disconnect"


class Exchange:
    """Passes the messages of one request on, and discards the rest of its body once the application has answered.

    Otherwise Hypercorn waits for ever to hand over a body that the application no longer reads, and does not notice
    that the client is gone.
    """

    def __init__(self, receive: Receive, send: Send, spawn: Callable[..., Any]) -> None:
        self._receive = receive
        self._send = send
        self._spawn = spawn
        self._turn = asyncio.Lock()
        self._gone: Message | None = None
        self._has_more = True

    async def receive(self) -> Message:
        """The next part of the body; from the end of the request or connection on, always the disconnect."""
        async with self._turn:
            if self._gone is not None:
                return self._gone
            message = await self._receive()
            self._has_more = self._has_more and message.get("more_body", False)
            if message["type"] == GONE:
                self._gone = message
            return message

    async def send(self, message: Message) -> None:
        self.discard_body()
        await self._send(message)

    def discard_body(self) -> None:
        """Starts to discard the rest of the body, if there is one. Hypercorn ends it with a disconnect."""
        if self._has_more:
            self._has_more = False
            self._spawn(self._discard)

    async def _discard(self) -> None:
        while (await self.receive())["type"] != GONE:
            pass
