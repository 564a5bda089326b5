"""Streamed answers: events and logs, for a bounded number of callers and a bounded time."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.responses import Response, StreamingResponse

from app.api.responses import LINES_DROPPED
from app.domain.errors import DeliveryRefused, LedgerUnavailable
from app.ledger import Ledger
from app.ledger.streams import BEGINNING

MOST_STREAMS = 96
"""An open dashboard has one, and a second one for the log while a rollout runs."""

STREAM_SECONDS = 3_600.0
"""A stream ends after this time, and its reader resumes it. So a forgotten stream does not stay open."""

HEARTBEAT_SECONDS = 15.0
CHECK_SECONDS = 5.0
"""How often a stream checks whether its caller may still read it: after a logout it ends within this time."""

SLICE_SECONDS = 1.0
"""How long one read from Redis waits. It is also the delay until a stream notices that this process is stopping."""

RETRY_MS = 2_000

Check = Callable[[], Awaitable[bool]]


class StreamedAnswers:
    """Every open stream. Setting `closing` ends them when the process stops."""

    slice_seconds = SLICE_SECONDS

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._open = 0
        self.closing = asyncio.Event()

    async def events(self, last_id: str | None, allowed: Check) -> Response:
        """Server-Sent Events after `last_id`, while `allowed` returns True; without `last_id`, only new events.

        https://html.spec.whatwg.org/multipage/server-sent-events.html
        """
        self._check_room()
        after = last_id or await self._ledger.last_event_id()
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._frames(after, allowed), media_type="text/event-stream", headers=headers)

    async def log(self, rollout_id: str, ended: Check | None, allowed: Check) -> Response:
        """The rollout's log as text; with `ended`, it continues until `ended` returns True. `allowed`: see events."""
        self._check_room()
        gone = await self._ledger.lines_dropped(rollout_id)
        lines, headers = self._lines(rollout_id, ended, allowed, gone), {LINES_DROPPED: str(gone)}
        return StreamingResponse(lines, media_type="text/plain; charset=utf-8", headers=headers)

    async def _frames(self, last: str, allowed: Check) -> AsyncIterator[str]:
        with self._place(allowed) as go_on:
            yield f"retry: {RETRY_MS}\nid: {last}\n\n"  # a reader that disconnects before the first event resumes here
            clock = asyncio.get_running_loop()
            spoke = clock.time()
            while await go_on():
                for id_, event in await self._new_events(last):
                    last, spoke = id_, clock.time()
                    yield frame(id_, event)
                if clock.time() - spoke >= HEARTBEAT_SECONDS:
                    spoke = clock.time()
                    yield ": nothing new\n\n"

    async def _new_events(self, last: str) -> list[tuple[str, dict[str, Any]]]:
        try:
            return await self._ledger.events_after(last, block=self.slice_seconds)
        except LedgerUnavailable:  # the stream stays open and continues when Redis is back
            await asyncio.sleep(self.slice_seconds)
            return []

    async def _lines(self, rollout_id: str, ended: Check | None, allowed: Check, gone: int) -> AsyncIterator[str]:
        last = BEGINNING
        with self._place(allowed) as go_on:
            if gone:
                yield f"[the first {gone} lines are not kept here; the log file on the updater's host may have them]\n"
            while await go_on():
                try:
                    over = ended is None or await ended()
                    block = 0.0 if over else self.slice_seconds
                    lines = await self._ledger.log_after(rollout_id, last, block=block)
                except LedgerUnavailable:
                    return
                if lines:
                    last = lines[-1][0]
                    yield "".join(f"{line}\n" for _, line in lines)
                elif over:
                    return

    def _check_room(self) -> None:
        if self._open >= MOST_STREAMS:
            raise DeliveryRefused(f"{MOST_STREAMS} streams are open already", status=503)

    @contextmanager
    def _place(self, allowed: Check) -> Iterator[Check]:
        """Counts an open stream. Yields the check whether it may go on."""
        clock = asyncio.get_running_loop()
        checked = opened = clock.time()

        async def go_on() -> bool:
            nonlocal checked
            if self.closing.is_set() or clock.time() - opened >= STREAM_SECONDS:
                return False
            if clock.time() - checked < CHECK_SECONDS:
                return True
            checked = clock.time()
            return await allowed()

        self._open += 1
        try:
            yield go_on
        finally:
            self._open -= 1


def frame(id_: str, event: dict[str, Any]) -> str:
    """One event as a frame: its id in the stream, and `type`, `at`, `data` as JSON on one line."""
    return f"id: {id_}\ndata: {json.dumps(event)}\n\n"
