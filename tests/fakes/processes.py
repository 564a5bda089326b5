"""Processes of one machine in one event loop. Each can be killed, suspended and continued at any await, as by signals.

A process is what runs in its context: its tasks, their callbacks and timers, and its threads. Nothing of a process that
was killed runs again, not even a `finally`; a suspended one misses nothing, and finds its timers expired.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

from tests.fakes.clock import Arguments, VirtualTimeLoop

T = TypeVar("T")

PROCESS: ContextVar["Process | None"] = ContextVar("PROCESS", default=None)
"""The process that runs now; None for the machine itself."""


class Process:
    """A process with its tasks. `turns` counts how often it ran: each await that ends is one turn.

    `ended_at`: the loop's time when it was killed. A child of `parent` ends with it.
    """

    def __init__(self, name: str, parent: "Process | None" = None) -> None:
        self.name = name
        self.parent = parent
        if parent is not None:
            parent.at_end(self.kill)
        self.alive = True
        self.ended_at: float | None = None
        self.suspended = False
        self.turns = 0
        self._held: list[asyncio.Handle] = []
        self._due: list[tuple[int, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._at_end: list[Callable[[], object]] = []
        self._followers: list[Process] = []

    def follower(self) -> "Process":
        """A part of this process that is suspended and ends with it, but whose turns are its own."""
        part = Process(f"{self.name}~", self)
        self._followers.append(part)
        return part

    def spawn(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Starts a task of the process."""
        context = copy_context()
        context.run(PROCESS.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    def kill(self) -> None:
        """Ends the process, as kill -9 does."""
        if not self.alive:
            return
        self.alive, self.ended_at = False, asyncio.get_running_loop().time()
        self._held.clear()
        _loop().keep(self)
        for happen in self._at_end:
            happen()

    def suspend(self) -> None:
        """Stops the process, as SIGSTOP does, until `resume`."""
        self.suspended = True
        for part in self._followers:
            part.suspend()

    def resume(self) -> None:
        self.suspended = False
        for part in self._followers:
            part.resume()
        held, self._held = self._held, []
        _loop().run_next(held)

    def after_turns(self, turns: int, happen: Callable[[], object]) -> None:
        """Calls `happen` before the process runs the next time but `turns`."""
        heapq.heappush(self._due, (self.turns + turns, next(self._numbers), happen))

    def at_end(self, happen: Callable[[], object]) -> None:
        """Calls `happen` when the process is killed."""
        self._at_end.append(happen)

    def may_run(self, handle: asyncio.Handle) -> bool:
        """Whether the process runs `handle` now. A suspended one keeps it."""
        while self._due and self._due[0][0] <= self.turns:
            heapq.heappop(self._due)[2]()
        if not self.alive:
            return False
        if self.suspended:
            self._held.append(handle)
            return False
        self.turns += 1
        return True


def owner() -> Process | None:
    """The process that runs now; for a child, its parent."""
    now = PROCESS.get()
    return now.parent or now if now is not None else None


async def as_child(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work` in a child of this process, which runs on while this one is suspended."""
    me = PROCESS.get()
    if me is None:
        return await work
    child = Process(f"{me.name}+", me)
    try:
        return await child.spawn(work)
    finally:
        child.kill()


def run_processes(main: Coroutine[Any, Any, T]) -> T:
    """Runs `main` and the processes that it starts in a loop of their own. What has not ended then is abandoned.

    Raises the error of a callback: otherwise only a log would show it.
    """
    loop, errors = ProcessLoop(), list[BaseException]()

    def note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "handle" in context:
            errors.append(context["exception"])

    loop.set_exception_handler(note)
    try:
        result = loop.run_until_complete(main)
        if errors:
            raise errors[0]
        return result
    finally:
        loop.abandon()


def _loop() -> "ProcessLoop":
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ProcessLoop)
    return loop


MOST_ROUNDS = 200_000
"""Rounds of the loop without time passing, after which something in it repeats for ever."""


class Stuck(BaseException):
    """Time does not pass: something repeats without waiting. A BaseException, so that no code under test catches it."""


class SerialTask(asyncio.Task[T]):
    """A task that knows its process. Its hash is its number, so that sets of tasks have the same order in every run."""

    def __init__(self, work: Coroutine[Any, Any, T], *, number: int, **options: Any) -> None:
        self._serial = number
        context: Context | None = options.get("context")
        self.process = context.get(PROCESS, None) if context is not None else PROCESS.get()
        super().__init__(work, **options)

    def __hash__(self) -> int:
        return self._serial

    def __eq__(self, other: object) -> bool:
        return self is other


class ProcessLoop(VirtualTimeLoop):
    """An event loop in virtual time that runs only what a running process, or the machine itself, has to run."""

    def __init__(self) -> None:
        super().__init__()
        self._serials = itertools.count(1)
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = itertools.count()
        self._left: list[SerialTask[Any]] = []
        self._rounds = 0
        self.set_task_factory(self._make_task)  # type: ignore[arg-type]

    def _make_task(self, _: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], **options: Any) -> SerialTask[T]:
        return SerialTask(work, number=next(self._serials), loop=self, **options)

    def _in_thread(self, _: Executor | None, func: Callable[[], T]) -> "asyncio.Future[T]":
        """Runs a thread's work at once: nothing real happens in this loop."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func())
        except Exception as error:
            done.set_exception(error)
        return done

    def keep(self, process: Process) -> None:
        """Keeps what a killed process left: if its tasks were collected, their `finally` blocks would run."""
        self._left += [t for t in asyncio.all_tasks(self) if isinstance(t, SerialTask) and t.process is process]

    def call_at(
        self, when: float, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As the virtual loop's. A tuple is compared faster than a handle, and nothing but this loop reads its heap."""
        if self._closed:
            return super().call_at(when, callback, *args, context=context)
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def run_next(self, handles: list[asyncio.Handle]) -> None:
        """Runs the handles of a process that was suspended."""
        self._ready.extend(handles)

    def _run_once(self) -> None:
        """As asyncio's, but it never looks at files: nothing real happens in this loop."""
        ready, timers = self._ready, self._timers
        while timers:
            when, _, timer = timers[0]
            if not timer.cancelled():
                if when > self._virtual:
                    if ready:
                        break
                    self._rounds, self._virtual = 0, when
                ready.append(timer)
            heapq.heappop(timers)
        if not ready:
            raise RuntimeError("nothing can ever happen again")
        self._rounds += 1
        if self._rounds > MOST_ROUNDS:
            raise Stuck(f"something repeats for ever at {self._virtual:.3f} s: {ready[0]!r}")
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle.cancelled():
                continue
            process: Process | None = handle._context.get(PROCESS)  # type: ignore[attr-defined]
            if process is None or process.may_run(handle):
                handle._run()

    def abandon(self) -> None:
        """Drops all unfinished tasks and closes the loop. What their `finally` blocks then do is without effect."""
        left = {*self._left, *(task for task in asyncio.all_tasks(self) if isinstance(task, SerialTask))}
        for task in left:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self._ready.clear()
        self._timers.clear()
        for task in sorted(left, key=hash):
            _close(task.get_coro())
        self._ready.clear()
        self.close()


def _close(work: Any) -> None:
    """Ends a coroutine. It may wait in a `finally`, several times."""
    for _ in range(CLOSES):
        try:
            work.close()
        except RuntimeError:  # it waits again
            continue
        except BaseException:  # what it raised is without effect
            return
        return


CLOSES = 50
