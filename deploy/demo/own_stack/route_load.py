"""Clients of the user's routes: each sends GET requests as the updater asks the route, never retries, and counts."""

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from app.domain.routing.probe_request import ProbeRequest, all_route_requests, route_header
from app.domain.stack import Stack
from deploy.demo.http1 import ANY_CERTIFICATE
from deploy.demo.load import REQUEST_SECONDS, Counts

STOP_SECONDS = REQUEST_SECONDS
SENDS = frozenset({"GET", "HEAD"})
AGENT = {"User-Agent": "demo-client"}


@dataclass(frozen=True)
class Client:
    """Sends `request` to the route `route`, a service's name and the route's number. `header`: the route's own."""

    route: str
    request: ProbeRequest
    header: str

    def failure(self, status: int, headers: httpx.Headers) -> str | None:
        """Why the answer counts as failed; None if it does not.

        The health path must be answered as the stack file says. Elsewhere the route itself must answer, without 5xx.
        """
        if status in self.request.accepted:
            return None
        if headers.get(self.header) is None:
            return f"HTTP {status}, and not by this route"
        return None if status in self.request.routed else f"HTTP {status}"


def clients_of(stack: Stack) -> list[Client]:
    """One for each request by which the updater asks the stack's routes."""
    header = route_header(stack.traefik.rollout_header)
    asked = (request for _, request in all_route_requests(stack) if request.method in SENDS)
    return [Client(str(request.route), request, header) for request in asked]


class Report(Counts):
    """What the clients saw. The kind of a request is its route."""

    @property
    def by_route(self) -> Counter[str]:
        return self.by_kind

    def add(self, client: Client, milliseconds: float, failure: str | None) -> None:
        self.latencies_ms.append(milliseconds)
        if failure is None:
            self.request(client.route)
        else:
            self.failure(client.route, failure)


class RouteLoad:
    """Sends `rps` requests per second in total, in turn to each client's route, without waiting for answers."""

    def __init__(self, stack: Stack, rps: float) -> None:
        self._clients, self._interval = clients_of(stack), 1 / rps
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._http = httpx.AsyncClient(
            verify=ANY_CERTIFICATE, trust_env=False, timeout=REQUEST_SECONDS, follow_redirects=False
        )
        self._paced: asyncio.Task[None] | None = None
        self.report = Report()

    async def __aenter__(self) -> Self:
        self._paced = asyncio.create_task(self._send_all())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Sends no more requests, and waits for those in flight."""
        self._stop.set()
        if self._paced is not None:
            await self._paced
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.gather(*self._tasks, return_exceptions=True)
        for task in self._tasks:
            task.cancel()
        await self._http.aclose()

    async def served(self, requests: int, limit: float) -> None:
        """Waits until that many more requests were answered. Raises TimeoutError after `limit` seconds."""
        wanted = self.report.requests + requests
        async with asyncio.timeout(limit):
            while self.report.requests < wanted:
                await asyncio.sleep(self._interval)

    async def _send_all(self) -> None:
        due, count = time.monotonic(), 0
        while not self._stop.is_set():
            task = asyncio.create_task(self._send(self._clients[count % len(self._clients)]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            count, due = count + 1, due + self._interval
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    await self._stop.wait()

    async def _send(self, client: Client) -> None:
        """Any exception is a failed request."""
        begun = time.monotonic()
        try:
            failure = await self._answer(client)
        except Exception as error:
            failure = f"{type(error).__name__} {error}".strip()
        self.report.add(client, (time.monotonic() - begun) * 1000, failure)

    async def _answer(self, client: Client) -> str | None:
        asked = client.request
        host: dict[str, str] = {"Host": asked.host} if asked.host else {}
        extensions: dict[str, Any] = {"sni_hostname": asked.host.partition(":")[0]} if asked.host else {}
        answer = await self._http.request(
            asked.method, asked.url, headers={**asked.headers, **AGENT, **host}, extensions=extensions
        )
        return client.failure(answer.status_code, answer.headers)


def address_of(client: Client) -> str:
    """For people: where the client connects, and the host that it asks for."""
    parts = urlsplit(client.request.url)
    asks = f" (send `Host: {client.request.host}`)" if client.request.host else ""
    return f"{parts.scheme}://{parts.netloc}{parts.path}{asks}"
