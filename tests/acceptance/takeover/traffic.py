"""Clients that send requests to the stack all the time, in their own thread, through all tests of a module."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from deploy.demo.http1 import Target
from deploy.demo.load import Load, Report

STOP_SECONDS = 60.0


class Traffic:
    """Puts load on the routes from `start` to `stop`; `report` can be read at any time."""

    def __init__(self, routes: Sequence[Target | str], rps: float, slow_seconds: float) -> None:
        self._routes, self._rps, self._slow_seconds = routes, rps, slow_seconds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._load: Load | None = None

    def start(self) -> None:
        self._thread.start()
        self._load = asyncio.run_coroutine_threadsafe(self._begun(), self._loop).result(STOP_SECONDS)

    @property
    def report(self) -> Report:
        """A copy of the clients' report so far."""
        assert self._load is not None
        return replace(self._load.report)

    def stop(self) -> Report:
        assert self._load is not None
        report = asyncio.run_coroutine_threadsafe(self._load.stop(), self._loop).result(STOP_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)
        self._loop.close()
        return report

    async def _begun(self) -> Load:
        return await Load(self._routes, self._rps, slow_seconds=self._slow_seconds).__aenter__()


@contextlib.contextmanager
def traffic(routes: list[str], *, rps_per_route: float, slow_seconds: float) -> Iterator[Traffic]:
    """Puts load on `routes` until the end of the block."""
    clients = Traffic(routes, rps_per_route * len(routes), slow_seconds)
    clients.start()
    try:
        yield clients
    finally:
        clients.stop()
