"""Virtual time: it advances only when everything waits for a timer."""

import asyncio
import contextlib
import functools
import heapq
import itertools
import selectors
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar, TypeVarTuple

from tests.examples import NOW
from workers.adapters.threads import to_its_end

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

Blocking = Generator[float, None, T]
"""What a fake's thread does. It yields the seconds that the part before takes; others run meanwhile."""

THREAD_SECONDS = 240.0
"""Real time that a working thread gets before virtual time advances anyway and timers expire."""

MOST_JUMPS = 300_000
"""How often the time may jump before a test fails: something in it repeats for ever."""

MANY_TIMERS = 100
"""With that many timers, asyncio looks at them at the next jump: it drops the canceled ones."""

OWN_FILES = 1
"""The loop's own pipe, by which threads wake it."""


class Timer(asyncio.TimerHandle):
    """Of several timers of one moment, the first one that was set comes first, however many others there are."""

    __slots__ = ("place",)
    numbers = itertools.count()

    def __init__(self, when: float, callback: Any, args: Any, loop: Any, context: Context | None) -> None:
        super().__init__(when, callback, args, loop, context)
        self.place = (when, next(self.numbers))

    def __lt__(self, other: asyncio.TimerHandle) -> bool:  # the heap calls it more often than anything else here
        return self.place < other.place if isinstance(other, Timer) else self.when() < other.when()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps to its next timer instead of waiting for it.

    Threads work in real time. Virtual time stands still while a thread works, so that no limit expires before the work
    that it limits. Closing the loop counts too: since Python 3.13 asyncio joins the threads under a timer of the loop.

    An executor starts no thread for InParts: the loop runs it part by part in virtual time. Like a thread, it
    continues when its caller is cancelled.

    While nothing outside the loop can wake it, it does not look at files: tests of the pipeline spend much of their
    time in the loop.
    """

    _ready: deque[asyncio.Handle]  # what follows is asyncio's own
    _scheduled: list[asyncio.TimerHandle]
    _signal_handlers: Mapping[int, asyncio.Handle]
    _stopping: bool
    _debug: bool
    _closed: bool
    _clock_resolution: float

    def __init__(self) -> None:
        self._virtual = 0.0
        self._at_work = 0
        self._jumps = 0
        selector = _JumpingSelector(self)
        super().__init__(selector)
        self._files = selector.get_map()

    def time(self) -> float:
        return self._virtual

    def call_soon(
        self, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.Handle:
        if self._debug or self._closed:
            return super().call_soon(callback, *args, context=context)
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._virtual + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.TimerHandle:
        if self._debug or self._closed:
            return super().call_at(when, callback, *args, context=context)
        timer = Timer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    @property
    def _is_alone(self) -> bool:
        """Whether nothing outside the loop can wake it."""
        real = self._at_work or self._signal_handlers or len(self._files) > OWN_FILES
        return not (real or self._stopping or self._debug)

    def _run_once(self) -> None:
        ready, timers = self._ready, self._scheduled
        while timers and timers[0].cancelled():
            heapq.heappop(timers)
        if not self._is_alone or not (ready or 0 < len(timers) < MANY_TIMERS):
            super()._run_once()  # type: ignore[misc]
            return
        if not ready and (seconds := timers[0].when() - self._virtual) > 0:
            self.advance(seconds)
        end = self._virtual + self._clock_resolution
        while timers and timers[0].when() < end:
            ready.append(heapq.heappop(timers))
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def advance(self, seconds: float) -> None:
        self._virtual += seconds
        self._jumps += 1
        if self._jumps == MOST_JUMPS:
            raise RuntimeError("virtual time ran away: something in this test repeats for ever")

    @property
    def threads_work(self) -> bool:
        return self._at_work > 0

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Arguments], T], *args: *Arguments
    ) -> "asyncio.Future[T]":
        if (parts := _parts_of(func, *args)) is not None:
            simulated: asyncio.Future[T] = self.create_future()
            self.call_soon(self._continue, parts, simulated)
            return simulated
        return self._in_thread(executor, functools.partial(func, *args))

    def _in_thread(self, executor: Executor | None, func: Callable[[], T]) -> "asyncio.Future[T]":
        future = super().run_in_executor(executor, func)
        self._at_work += 1
        future.add_done_callback(self._one_is_done)
        return future

    def _continue(self, blocking: Blocking[T], future: "asyncio.Future[T]") -> None:
        try:
            seconds = next(blocking)
        except StopIteration as end:
            if not future.done():
                future.set_result(end.value)
        except BaseException as error:
            if not future.done():
                future.set_exception(error)
        else:
            self.call_later(seconds, self._continue, blocking, future)

    async def shutdown_default_executor(self, *limit: float | None) -> None:  # no parameter before Python 3.12
        with self._working():
            await super().shutdown_default_executor(*limit)

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1

    def _one_is_done(self, _: object) -> None:
        self._at_work -= 1


class InParts(Generic[T]):
    """A call for `asyncio.to_thread`, as a generator function and its arguments."""

    def __init__(self, call: Callable[[*Arguments], Blocking[T]], *arguments: *Arguments) -> None:
        self.parts: Blocking[T] = call(*arguments)

    def __call__(self) -> T:
        """Runs all parts at once."""
        while True:
            try:
                next(self.parts)
            except StopIteration as end:
                value: T = end.value
                return value


async def in_thread(call: Callable[[*Arguments], Blocking[T]], *arguments: *Arguments) -> T:
    """Runs `call` as the adapters do in a thread that is never left half done; on a real loop, at once."""
    parts = InParts(call, *arguments)
    if isinstance(asyncio.get_running_loop(), VirtualTimeLoop):
        return await to_its_end(parts)
    await asyncio.sleep(0)
    return parts()


def _parts_of(*words: object) -> Blocking[Any] | None:
    """The parts of a call for a thread. asyncio.to_thread and workers/adapters/threads.py wrap it in partials."""
    for word in words:
        if isinstance(word, InParts):
            return word.parts
        if isinstance(word, functools.partial) and (parts := _parts_of(word.func, *word.args)) is not None:
            return parts
    return None


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self._loop.threads_work and (ready := super().select(THREAD_SECONDS)):
            return ready
        self._loop.advance(timeout)
        return super().select(0)


LOOP: Mapping[str, Any] = {"virtual": VirtualTimeLoop}
"""For the hook pytest_asyncio_loop_factories."""


class FakeClock:
    """The loop's time; it begins at NOW. The time of day differs from it by `set_ahead` seconds."""

    def __init__(self) -> None:
        self.set_ahead = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.monotonic() + self.set_ahead)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def limit(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        return asyncio.timeout(seconds)
