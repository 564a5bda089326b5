"""Reads request bodies within limits for size, time and total memory."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from starlette.requests import ClientDisconnect, Request

from app.domain.errors import DeliveryRefused
from app.web.webhook.headers import too_large

BODY_SECONDS = 5.0
"""How long a body may take in all; GitHub sends its own within milliseconds."""

SMALL_BYTES = 256 * 1024
"""What a delivery of GitHub's seldom exceeds: only so much counts against every reader."""

READERS = 128
LARGE_READERS = 4

PACE_BYTES = 64 * 1024
PACE_SECONDS = 0.005
"""A large body waits so long after so many bytes: those of strangers leave the processor to GitHub's small ones."""

DRAIN_SECONDS = 0.2
"""How long an answer waits for the rest of a body that nobody reads: else the connection's end can overtake it."""


class Places:
    """So many at once. When all are taken, whoever has been there longest makes room.

    A body of GitHub's is in within milliseconds, so the oldest is one that trickles: it must not keep others out.
    """

    def __init__(self, many: int) -> None:
        self._many = many
        self._taken: dict[asyncio.Timeout, None] = {}

    @contextmanager
    def take(self, limit: asyncio.Timeout) -> Iterator[None]:
        """A place for as long as the `with` block lasts; `limit` is ended when it has to make room."""
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
        """The body. Raises DeliveryRefused: 413, 408, 503 when it had to make room, 400 when the client went away."""
        clock = asyncio.get_running_loop()
        deadline = clock.time() + BODY_SECONDS
        try:
            async with asyncio.timeout_at(deadline) as limit:
                return await self._collect(request, limit)
        except TimeoutError as late:
            if clock.time() < deadline:
                raise DeliveryRefused("too many bodies come in at once", status=503) from late
            raise DeliveryRefused(f"the body took longer than {BODY_SECONDS:.0f} s", status=408) from late
        except ClientDisconnect as gone:
            raise DeliveryRefused("the client went away in the middle of the body", status=400) from gone

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
    """Throws away what comes of a small body, for DRAIN_SECONDS at most."""
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
