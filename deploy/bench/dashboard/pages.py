"""Open dashboards, without the browsers: each asks what the page's own code asks, as often, with its own session.

A program of its own, so that its work delays no measured request: `python -m deploy.bench.dashboard.pages`.
"""

import asyncio
import contextlib
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from deploy.bench.method.client import connected
from deploy.demo.http1 import HEAD_END, Connection, parsed, request

PORT, SECRET, PAGES = "BENCH_PORT", "BENCH_SECRET", "BENCH_PAGES"
OPEN = "all pages are open"
POLL_MS, TRAFFIC_MS = 10_000, 2_000
"""As in app/web/page, store.js."""

NOTHING_NEW = 304
FOLLOWED = ("rollout.", "release.")
"""After an event of these kinds the page reads the history again."""

NO_FIELDS: Mapping[str, str] = {}


class Unexpected(Exception):
    """The web process answered otherwise than the page expects."""


@dataclass(frozen=True)
class Answer:
    status: int
    fields: Mapping[str, str]
    body: bytes = b""


@dataclass
class Page:
    """The Now view, open in one browser. Its files are in the browser's cache.

    Its streams have connections of their own; everything else is asked one after the other on one connection.
    `asked`: how often each method and path was.
    """

    port: int
    cookie: str = ""
    etag: str = ""
    stale: bool = True
    log_of: str | None = None
    asked: Counter[str] = field(default_factory=Counter)
    _kept: Connection | None = None
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self, secret: str) -> None:
        """Loads the page, logs in, and shows the Now view."""
        await self._ask("GET", "/")
        guard = {"Content-Type": "application/json", "X-Updater-Request": "dashboard"}
        answer = await self._ask("POST", "/login", guard, json.dumps({"secret": secret}).encode())
        self.cookie = answer.fields["set-cookie"].partition(";")[0]
        await self._ask("GET", "/session")
        await self.look()
        await self._ask("GET", "/update/traffic")

    async def stay(self) -> None:
        """What an open page does until its window is closed."""
        async with asyncio.TaskGroup() as group:
            for part in (self._follow_events(), self._look_at_news(), self._poll(), self._look_at_traffic()):
                group.create_task(part)
            if self.log_of:
                group.create_task(self._follow_log(self.log_of))

    async def look(self) -> None:
        """Reads the status, and if it has changed what belongs to it: `look` of store.js."""
        answer = await self._ask("GET", "/status", {"If-None-Match": self.etag} if self.etag else {})
        if answer.status == NOTHING_NEW:
            return
        self.etag, rollout = answer.fields["etag"], json.loads(answer.body)["rollout"]
        self.log_of = rollout["id"] if rollout else None
        if rollout:
            await self._ask("GET", f"/update/rollouts/{rollout['id']}")
        if self.stale:
            self.stale = False
            await self._ask("GET", "/update/history?limit=30")
            await self._ask("GET", "/update/usual")

    async def close(self) -> None:
        """Closes the kept connection."""
        await self._stack.aclose()

    async def _follow_events(self) -> None:
        async for line in self._stream("/update/events"):
            if line.startswith(b"data: "):
                kind: str = json.loads(line.removeprefix(b"data: "))["type"]
                self.stale = self.stale or kind.startswith(FOLLOWED)
                self._news.set()

    async def _follow_log(self, rollout_id: str) -> None:
        async for _ in self._stream(f"/update/rollouts/{rollout_id}/log?follow=1"):
            pass

    async def _look_at_news(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await self.look()

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_MS / 1000)
            self._news.set()

    async def _look_at_traffic(self) -> None:
        while True:
            await asyncio.sleep(TRAFFIC_MS / 1000)
            await self._ask("GET", "/update/traffic")

    async def _ask(self, method: str, path: str, headers: Mapping[str, str] = NO_FIELDS, body: bytes = b"") -> Answer:
        """Raises Unexpected if the answer is an error."""
        async with self._asking:
            connection = self._kept
            if connection is None or not connection.reusable:
                await self.close()
                connection = self._kept = await self._stack.enter_async_context(connected(self.port))
            answer = await self._sent(connection, method, path, headers, body)
            length = 0 if answer.status == NOTHING_NEW else int(answer.fields["content-length"])
            return Answer(answer.status, answer.fields, await connection.reader.readexactly(length))

    async def _stream(self, path: str) -> AsyncIterator[bytes]:
        """Yields the lines as they arrive; each is within one chunk of the answer. Raises Unexpected at its end."""
        async with connected(self.port) as connection:
            await self._sent(connection, "GET", path)
            async for line in connection.reader:
                yield line
        raise Unexpected(f"{path} has ended")

    async def _sent(
        self, connection: Connection, method: str, path: str, headers: Mapping[str, str] = NO_FIELDS, body: bytes = b""
    ) -> Answer:
        """Sends the request, and reads the head of the answer."""
        proof = {"Cookie": self.cookie} if self.cookie else {}
        connection.writer.write(request(method, path, {**proof, **headers}, body))
        self.asked[f"{method} {path}"] += 1
        first, fields = parsed(await connection.reader.readuntil(HEAD_END))
        status = int(first.split(" ")[1])
        if status >= 400:
            raise Unexpected(f"{method} {path}: {first}")
        return Answer(status, fields)


async def opened(port: int, secret: str, number: int) -> None:
    """Opens that many pages, says so, and keeps them open."""
    pages = [Page(port) for _ in range(number)]
    for page in pages:
        await page.open(secret)
    async with asyncio.TaskGroup() as group:
        for page in pages:
            group.create_task(page.stay())
        print(OPEN, flush=True)


if __name__ == "__main__":
    asyncio.run(opened(int(os.environ[PORT]), os.environ[SECRET], int(os.environ[PAGES])))
