"""Clients of the sample stack: they send requests through Traefik, never retry, and count failures."""

import asyncio
import contextlib
import itertools
import json
import time
from collections import Counter
from collections.abc import Awaitable, Coroutine, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from deploy.demo.http1 import HttpClient, Target, target_of

REQUEST_SECONDS = 30.0
SLOW_SECONDS = 10.0
SLOW_IN_FLIGHT = 2
WEBSOCKET_INTERVAL = 0.2
STOP_SECONDS = REQUEST_SECONDS + SLOW_SECONDS
DETAILS_KEPT = 20
FAILURE_PAUSE = 0.2
"""Seconds that a continuous client waits after a failure, so that it does not flood a service that is down."""

WEBSOCKET_OPTIONS: Any = {
    "open_timeout": REQUEST_SECONDS,
    "close_timeout": 1,
    "ping_interval": None,
    "proxy": None,
}
PROPER_CLOSE = {CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.SERVICE_RESTART}


class WrongAnswer(Exception):
    """The answer is not the expected one."""


@dataclass
class Counts:
    """What clients saw: `requests` in total and `by_kind`, and how many `failed`.

    `failures`: details of the first DETAILS_KEPT. `latencies_ms`: of the requests whose time counts.
    """

    requests: int = 0
    failed: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def p99_ms(self) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[int(len(ordered) * 0.99)] if ordered else 0.0

    @property
    def max_ms(self) -> float:
        return max(self.latencies_ms, default=0.0)

    def request(self, kind: str) -> None:
        self.requests += 1
        self.by_kind[kind] += 1

    def failure(self, kind: str, detail: str) -> None:
        self.request(kind)
        self.failed += 1
        if len(self.failures) < DETAILS_KEPT:
            self.failures.append(f"{time.strftime('%H:%M:%S')} {kind}: {detail}")


@dataclass
class Report(Counts):
    """What the clients of the sample stack saw, by kind: get, post, slow, websocket.

    A websocket message with its echo counts as one request. `latencies_ms`: of the paced GET and POST requests.
    `versions`: answers per version. `reconnects`: websockets that were closed with a proper close frame and reconnected
    at once.
    """

    reconnects: int = 0
    versions: Counter[str] = field(default_factory=Counter)

    def passed(self, kind: str, version: str) -> None:
        self.request(kind)
        self.versions[version] += 1


class Load:
    """Sends `rps` GET and POST requests per second in total, without waiting for answers.

    In addition, each target gets requests of `slow_seconds` and a websocket.
    """

    def __init__(
        self, targets: Iterable[Target | str], rps: float = 100.0, *, slow_seconds: float = SLOW_SECONDS
    ) -> None:
        self._targets = tuple(target_of(target) for target in targets)
        self._interval = 1 / rps
        self._slow_seconds = slow_seconds
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients = tuple(HttpClient(target, REQUEST_SECONDS) for target in self._targets)
        self.report = Report()

    async def __aenter__(self) -> Self:
        self._begin(self._paced())
        for target, client in zip(self._targets, self._clients, strict=True):
            if target.websocket:
                self._begin(self._websocket(target))
            for _ in range(SLOW_IN_FLIGHT // len(self._targets) or 1):
                self._begin(self._slow(client))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self, limit: float = STOP_SECONDS) -> Report:
        """Sends no more requests and waits for those in flight. Ignores those that take longer than `limit` seconds."""
        self._stop.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(client.close() for client in self._clients))
        return self.report

    async def served(self, requests: int, limit: float) -> None:
        """Waits until that many requests were made in total. Raises TimeoutError after `limit` seconds."""
        deadline = time.monotonic() + limit
        while self.report.requests < requests:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.report.requests} of {requests} requests were made within {limit:.0f} s")
            await self._pause(self._interval)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _paced(self) -> None:
        due, count = time.monotonic(), 0
        while not self._stop.is_set():
            client = self._clients[count % len(self._clients)]
            kind = self._post if count // len(self._clients) % 2 else self._get
            self._begin(kind(client, count))
            count += 1
            due += self._interval
            await self._pause(due - time.monotonic())

    async def _get(self, client: HttpClient, _: int) -> None:
        await self._request("get", client.send("GET", "/version"))

    async def _post(self, client: HttpClient, count: int) -> None:
        sent = f"message {count}"
        await self._request("post", client.send("POST", "/echo", sent.encode()), sent)

    async def _slow(self, client: HttpClient) -> None:
        path = f"/slow?seconds={self._slow_seconds:g}"
        while not self._stop.is_set():
            if not await self._request("slow", client.send("GET", path)):
                await self._pause(FAILURE_PAUSE)

    async def _request(self, kind: str, answer: Awaitable[tuple[int, bytes]], echo: str | None = None) -> bool:
        """Sends one request, reports it and returns whether it passed. Any exception is a failed request."""
        started = time.monotonic()
        try:
            version = _version(*await answer, echo)
        except Exception as error:
            self.report.failure(kind, f"{type(error).__name__} {error}")
            return False
        self.report.passed(kind, version)
        if kind != "slow":
            self.report.latencies_ms.append((time.monotonic() - started) * 1000)
        return True

    async def _websocket(self, target: Target) -> None:
        """Sends messages continuously. After a proper close frame it reconnects at once."""
        address, port = target.address
        url = f"{'wss' if target.tls else 'ws'}://{target.host or f'{address}:{port}'}{target.prefix}/ws"
        where: Any = {"host": address, "port": port, "ssl": target.tls, "additional_headers": target.headers}
        while not self._stop.is_set():
            try:
                async with connect(url, **where, **WEBSOCKET_OPTIONS) as socket:
                    await self._talk(socket)
            except ConnectionClosed as closed:
                await self._closed(closed)
            except Exception as error:
                self.report.failure("websocket", f"{type(error).__name__} {error}")
                await self._pause(FAILURE_PAUSE)

    async def _talk(self, socket: ClientConnection) -> None:
        for count in itertools.count():
            if self._stop.is_set():
                return
            sent = f"message {count}"
            await socket.send(sent)
            answer = json.loads(await asyncio.wait_for(socket.recv(), REQUEST_SECONDS))
            if answer["echo"] != sent:
                raise WrongAnswer(f"the echo of {sent!r} is {answer['echo']!r}")
            self.report.passed("websocket", answer["version"])
            await self._pause(WEBSOCKET_INTERVAL)

    async def _closed(self, closed: ConnectionClosed) -> None:
        if closed.rcvd is not None and closed.rcvd.code in PROPER_CLOSE:
            self.report.reconnects += 1
        else:
            self.report.failure("websocket", f"closed without a proper close frame: {closed}")
            await self._pause(FAILURE_PAUSE)

    async def _pause(self, seconds: float) -> None:
        """Waits that long, or until `stop` is called."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._stop.wait()


def _version(status: int, body: bytes, echo: str | None) -> str:
    """Returns the version that answered. Raises WrongAnswer, ValueError (not JSON) or KeyError."""
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise WrongAnswer(f"HTTP {status} {body[:80].decode('utf-8', 'replace')}")
    answer = json.loads(body)
    if echo is not None and answer["echo"] != echo:
        raise WrongAnswer(f"the echo of {echo!r} is {answer['echo']!r}")
    return str(answer["version"])
