"""Clients of the sample stack: they ask through Traefik all the time, never retry, and count what fails."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import CloseCode

REQUEST_SECONDS = 30.0
SLOW_SECONDS = 10.0
SLOW_IN_FLIGHT = 2
WEBSOCKET_INTERVAL = 0.2
DETAILS_KEPT = 20
PROPER_CLOSE = {CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.SERVICE_RESTART}


@dataclass
class Report:
    """What the clients saw: `requests` in all and `by_kind` (get, post, slow, websocket), of which `failed`.

    `latencies_ms` are those of the paced GET and POST; `versions` counts the answers of each version.
    """

    requests: int = 0
    failed: int = 0
    reconnects: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def p99_ms(self) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[int(len(ordered) * 0.99)] if ordered else 0.0

    def passed(self, kind: str, version: str) -> None:
        self.requests += 1
        self.by_kind[kind] += 1
        self.versions[version] += 1

    def failure(self, kind: str, detail: str) -> None:
        self.requests += 1
        self.failed += 1
        self.by_kind[kind] += 1
        if len(self.failures) < DETAILS_KEPT:
            self.failures.append(f"{time.strftime('%H:%M:%S')} {kind}: {detail}")


class Load:
    """GET and POST at `rps` requests a second in all, open loop; 10-second requests and a websocket on each route."""

    def __init__(self, routes: list[str], rps: float = 100.0) -> None:
        self._routes = routes
        self._interval = 1 / rps
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
        self._client = httpx.AsyncClient(timeout=REQUEST_SECONDS, limits=limits, trust_env=False)
        self.report = Report()

    async def __aenter__(self) -> Self:
        self._begin(self._paced())
        for route in self._routes:
            self._begin(self._websocket(route))
            for _ in range(SLOW_IN_FLIGHT // len(self._routes) or 1):
                self._begin(self._slow(route))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> Report:
        """Begins no request any more and waits for those in flight."""
        self._stop.set()
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._client.aclose()
        return self.report

    async def served(self, requests: int, limit: float) -> None:
        """Waits until that many requests were made in all. Raises TimeoutError after `limit` seconds."""
        deadline = time.monotonic() + limit
        while self.report.requests < requests:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.report.requests} of {requests} requests were made within {limit:.0f} s")
            await self._pause(self._interval)

    def _begin(self, work: "Awaitable[None]") -> None:
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)  # noqa: S101 - made from a coroutine
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _paced(self) -> None:
        due, count = time.monotonic(), 0
        while not self._stop.is_set():
            route = self._routes[count % len(self._routes)]
            kind = self._post if count // len(self._routes) % 2 else self._get
            self._begin(kind(route, count))
            count += 1
            due += self._interval
            await self._pause(due - time.monotonic())

    async def _get(self, route: str, _: int) -> None:
        await self._request("get", lambda: self._client.get(f"{route}/version"))

    async def _post(self, route: str, count: int) -> None:
        sent = f"message {count}"
        await self._request("post", lambda: self._client.post(f"{route}/echo", content=sent), sent)

    async def _slow(self, route: str) -> None:
        url = f"{route}/slow?seconds={SLOW_SECONDS:g}"
        while not self._stop.is_set():
            await self._request("slow", lambda: self._client.get(url))

    async def _request(self, kind: str, ask: Callable[[], Awaitable[httpx.Response]], echo: str | None = None) -> None:
        started = time.monotonic()
        try:
            response = await ask()
        except httpx.HTTPError as error:
            self.report.failure(kind, f"{type(error).__name__} {error}")
            await self._pause(self._interval)
            return
        if not response.is_success:
            self.report.failure(kind, f"HTTP {response.status_code} {response.text[:80]}")
        elif echo is not None and response.json()["echo"] != echo:
            self.report.failure(kind, "the echo is another one")
        else:
            self.report.passed(kind, response.json()["version"])
            if kind != "slow":
                self.report.latencies_ms.append((time.monotonic() - started) * 1000)

    async def _websocket(self, route: str) -> None:
        """Talks all the time. A proper close frame is allowed, and is answered by reconnecting at once."""
        url = route.replace("http://", "ws://", 1) + "/ws"
        while not self._stop.is_set():
            try:
                async with connect(url, open_timeout=REQUEST_SECONDS, close_timeout=1, ping_interval=None) as socket:
                    while not self._stop.is_set():
                        await socket.send("hello")
                        answer = json.loads(await asyncio.wait_for(socket.recv(), REQUEST_SECONDS))
                        self.report.passed("websocket", answer["version"])
                        await self._pause(WEBSOCKET_INTERVAL)
            except ConnectionClosed as closed:
                self._closed(closed)
            except (OSError, WebSocketException, TimeoutError, ValueError) as error:
                self.report.failure("websocket", f"{type(error).__name__} {error}")
                await self._pause(WEBSOCKET_INTERVAL)

    def _closed(self, closed: ConnectionClosed) -> None:
        if closed.rcvd is not None and closed.rcvd.code in PROPER_CLOSE:
            self.report.reconnects += 1
        else:
            self.report.failure("websocket", f"closed without a proper close frame: {closed}")

    async def _pause(self, seconds: float) -> None:
        """Waits that long, or until there is nothing more to do."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._stop.wait()
