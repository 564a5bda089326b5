"""Reads request bodies with limits on size, time and total memory."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from starlette.requests import ClientDisconnect, Request

from app.domain.errors import DeliveryRefused
from app.web.webhook.headers import too_large

BODY_SECONDS = 5.0
"""Limit for reading a whole body; GitHub sends one within milliseconds."""

SMALL_BYTES = 256 * 1024
"""A body above this size needs a place among the LARGE_READERS; GitHub's deliveries are seldom larger."""

READERS = 128
LARGE_READERS = 4

PACE_BYTES = 64 * 1024
PACE_SECONDS = 0.005
"""Reading a large body pauses PACE_SECONDS every PACE_BYTES, so that it does not delay GitHub's small deliveries."""

DRAIN_SECONDS = 0.2
"""How long an answer waits for the rest of an unread body: otherwise the connection may close before the answer."""


class Places:
    """A limit on concurrent readers. When all places are taken, the oldest reader is ended.

    GitHub sends a body within milliseconds, so the oldest reader has a slow client, which must not block others.
    """

    def __init__(self, many: int) -> None:
        self._many = many
        self._taken: dict[asyncio.Timeout, None] = {}

    @contextmanager
    def take(self, limit: asyncio.Timeout) -> Iterator[None]:
        """Takes a place for the `with` block; expires `limit` if another reader needs the place."""
        while len(self._taken) >= self._many:
            self._end(next(iter(self._taken)))
        self._taken[limit] = None
        try:
            yield
        finally:
            self._taken.pop(limit, None)

    def _end(self, oldest: asyncio.Timeout) -> None:
        del self._taken[oldest]
        if not oldest.expired():
            oldest.reschedule(asyncio.get_running_loop().time())


class Intake:
    """Reads bodies of at most `cap` bytes; at most READERS small and LARGE_READERS large ones at once."""

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self._small = Places(READERS)
        self._large = Places(LARGE_READERS)

    async def read(self, request: Request) -> bytes:
        """The body. Raises DeliveryRefused: 413, 408, 503 if it lost its place, 400 if the client disconnected."""
        clock = asyncio.get_running_loop()
        deadline = clock.time() + BODY_SECONDS
        try:
            async with asyncio.timeout_at(deadline) as limit:
                return await self._collect(request, limit)
        except TimeoutError as late:
            if clock.time() < deadline:
                raise DeliveryRefused("too many requests at once", status=503) from late
            raise DeliveryRefused(f"the body took longer than {BODY_SECONDS:.0f} s", status=408) from late
        except ClientDisconnect as gone:
            raise DeliveryRefused("the client disconnected before the end of the body", status=400) from gone

    async def _collect(self, request: Request, limit: asyncio.Timeout) -> bytes:
        body = bytearray()
        with ExitStack() as places:
            places.enter_context(self._small.take(limit))
            async for chunk in request.stream():
                if len(body) <= SMALL_BYTES < len(body) + len(chunk):
                    places.enter_context(self._large.take(limit))
                body += chunk
                if len(body) > self.cap:
                    raise too_large(self.cap)
                if len(body) // PACE_BYTES > (len(body) - len(chunk)) // PACE_BYTES and len(body) > SMALL_BYTES:
                    await asyncio.sleep(PACE_SECONDS)
        return bytes(body)


async def drain(request: Request) -> None:
    """Discards the rest of a small body, for at most DRAIN_SECONDS."""
    thrown = 0
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while thrown <= SMALL_BYTES:
                message = await request.receive()
                thrown += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return
