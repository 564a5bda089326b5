"""The connection to the engine. A request that was sent is carried out, even if its caller is gone by then."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import Protocol

from app.domain.errors import EngineFailed
from tests.fakes.processes import Process, owner
from workers.adapters.docker_host.client import AWAY_INTERVAL, AWAY_SECONDS, CALL_SECONDS

Request = Callable[[], object]


class Socket(Protocol):
    """`lost` counts how often the engine was unreachable or did not answer in time, by the process that found it."""

    lost: Counter[Process | None]

    async def reach(self) -> None:
        """Waits until the engine answers. Raises EngineFailed."""

    async def deliver(self, request: Request, *, once: bool = False) -> None:
        """Has `request` carried out. `once`: it must not be sent again. Raises EngineFailed."""


class OpenSocket:
    """The engine answers at once."""

    def __init__(self) -> None:
        self.lost: Counter[Process | None] = Counter()

    async def reach(self) -> None:
        return

    async def deliver(self, request: Request, *, once: bool = False) -> None:  # noqa: ARG002 - it never fails
        request()


class FaultySocket:
    """Requests take time on the way. The socket may refuse connections, hang, and lose the answers to what was done.

    `outside` is the context of the machine: there the engine works. `delay` returns the seconds of the next request.
    """

    def __init__(self, outside: Context, delay: Callable[[], float]) -> None:
        self.lost: Counter[Process | None] = Counter()
        self.refuses = False
        self.answers_lost = 0
        self._outside, self._delay = outside, delay
        self._waiting: list[Request] = []
        self._answers = asyncio.Event()
        self._answers.set()

    @property
    def hangs(self) -> bool:
        return not self._answers.is_set()

    def hang(self) -> None:
        """Accepts requests, but neither carries them out nor answers, until `go_on`."""
        self._answers.clear()

    def go_on(self) -> None:
        """Carries out what waited, in order, and answers again."""
        self._answers.set()
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            self._outside.copy().run(request)

    async def reach(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + AWAY_SECONDS
        while self.refuses:
            self.lost[owner()] += 1
            if loop.time() > deadline:
                raise EngineFailed("the Docker Engine cannot be reached (ConnectionError)")
            await asyncio.sleep(AWAY_INTERVAL)
        if self.hangs:
            with self._answered_in_time():
                async with asyncio.timeout(CALL_SECONDS):
                    await self._answers.wait()
        await asyncio.sleep(0)

    async def deliver(self, request: Request, *, once: bool = False) -> None:
        while self.refuses:
            await self.reach()
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._outside.copy().run(loop.call_later, self._delay(), self._arrive, request, done)
        with self._answered_in_time(counts=not once):
            async with asyncio.timeout(CALL_SECONDS):
                await done
        if self.answers_lost:
            self.answers_lost -= 1
            self.lost[owner()] += 1
            if once:
                raise EngineFailed("the connection was reset")

    def _arrive(self, request: Request, done: "asyncio.Future[None]") -> None:
        def carry_out() -> None:
            try:
                request()
            except Exception as error:
                if not done.done():
                    done.set_exception(error)
            else:
                if not done.done():
                    done.set_result(None)

        if self.hangs:
            self._waiting.append(carry_out)
        else:
            carry_out()

    @contextlib.contextmanager
    def _answered_in_time(self, *, counts: bool = True) -> Iterator[None]:
        try:
            yield
        except TimeoutError as late:
            self.lost[owner()] += counts
            raise EngineFailed(f"the Docker Engine did not answer within {CALL_SECONDS:.0f} s") from late
