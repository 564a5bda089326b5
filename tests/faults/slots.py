"""Rows played in several processes at once: most of a row is waiting. Each slot is swept whatever became of it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.demo.dockerd import answers
from deploy.demo.mounts import unmount_below
from deploy.demo.processes import ROOT
from deploy.demo.projects import take_down
from tests.faults.scenario import Row, Tell, silent
from tests.faults.slot import Orders
from tests.faults.verdict import Result

LEAVE_SECONDS = 60.0
"""For a slot that is asked to end to take its environment down."""

GONE_SECONDS = 20.0
POLL_SECONDS = 0.05
LAST_LINES = 30
PROGRAM = (sys.executable, "-m", "tests.faults.slot")
ALONE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
"""A daemon that restarts writes the firewall anew: that slot has a network of its own. Its processes and its mounts
end with it, however it ends."""


NO_ENGINE_TO_END = "an engine that may be ended has to be started for it, and that needs root"


@dataclass(frozen=True)
class Played:
    """What a row showed, and what the updater said last where something did not hold."""

    result: Result
    last_words: str = ""


class SlotEnded(Exception):
    """The process of a slot ended while a row was played; the text is its last words."""


class Slot:
    """Its directory is its TMPDIR: everything that it starts has that name in its environment."""

    def __init__(self, orders: Orders, program: Sequence[str]) -> None:
        self._host = orders.host
        self._directory = Path(tempfile.mkdtemp(prefix="zu-slot-"))
        with (self._directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*(ALONE if orders.own else ()), *program, orders.words()],
                cwd=ROOT,
                env={**os.environ, "TMPDIR": str(self._directory)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def play(self, row: Row, tell: Tell = silent) -> Played:
        """Raises SlotEnded."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(row.number, file=self._process.stdin, flush=True)
            while "progress" in (said := json.loads(self._process.stdout.readline())):
                tell(f"row {row.number}: {said['progress']}")
        except (OSError, ValueError) as ended:
            raise SlotEnded(self._last_words()) from ended
        return Played(Result(**said["result"]), said["last_words"])

    def ask_to_end(self) -> None:
        """In the middle of a row too."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """What it has started is swept by whoever waits for it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def end(self) -> None:
        """It takes its environment down by itself; what it leaves all the same is taken away."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(LEAVE_SECONDS)
        self.sweep()

    def sweep(self) -> None:
        """Everything that it started: processes, mounts, containers, files."""
        self.kill()
        self._process.wait()
        _end_all_of(self._directory)
        unmount_below(self._directory)
        if answers(self._host):
            take_down(self._host, f"zu-demo-{self._process.pid}-")
        assert self._process.stdout is not None
        self._process.stdout.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _last_words(self) -> str:
        lines = (self._directory / "log").read_text(errors="replace").splitlines()
        return "its slot ended: " + "\n".join(lines[-LAST_LINES:])


def _end_all_of(directory: Path) -> None:
    """Every process whose environment names `directory`, once it is found to be there no more."""
    deadline = time.monotonic() + GONE_SECONDS
    while (left := list(_started_in(directory))) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def _started_in(directory: Path) -> Iterator[int]:
    mark = f"TMPDIR={directory}".encode()
    for file in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in file.read_bytes().split(b"\0"):
                yield int(file.parent.name)


class Slots:
    """`jobs` of them, and one more for the rows that end the engine itself, which then takes others too.

    `results` come as they come, and `tell` hears how far each row is.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        orders: Orders,
        jobs: int,
        *,
        program: Sequence[str] = PROGRAM,
        tell: Tell = silent,
    ) -> None:
        self._program, self._tell = program, tell
        self.results: dict[int, Future[Played]] = {row.number: Future() for row in rows}
        ordered = sorted(rows, key=lambda row: -row.minutes)
        shared = deque(row for row in ordered if not row.own_engine)
        alone = deque(row for row in ordered if row.own_engine and os.geteuid() == 0)
        for row in (r for r in ordered if r.own_engine and r not in alone):
            self.results[row.number].set_result(_not_shown(row, NO_ENGINE_TO_END))
        self.begun: list[int] = []
        self._over = False
        self._open: list[Slot] = []
        turns: list[tuple[Sequence[deque[Row]], Orders]] = [([shared], orders)] * min(jobs, len(shared))
        turns += [([alone, shared], replace(orders, own=True))] * bool(alone)
        self._threads = [threading.Thread(target=self._follow, args=turn) for turn in turns]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, where: TracebackType | None) -> None:
        """What still plays is ended, and every slot has taken its environment down."""
        self._over = True
        deadline = time.monotonic() + LEAVE_SECONDS
        for slot in list(self._open):
            slot.ask_to_end()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for slot in list(self._open):
            slot.kill()  # Python loses a signal's exception where it comes in a callback of the collector
        for thread in self._threads:
            thread.join()

    def _follow(self, waiting: Sequence[deque[Row]], orders: Orders) -> None:
        """Plays what waits, of the first queue before the next, in one slot for as long as that lives."""
        slot: Slot | None = None
        while not self._over and (row := _next(waiting)):
            self.begun.append(row.number)
            slot = slot or self._enter(orders)
            try:
                self.results[row.number].set_result(slot.play(row, self._tell))
            except SlotEnded as ended:
                self._leave(slot)
                slot = None
                self.results[row.number].set_result(_lost(row, str(ended)))
        if slot is not None:
            self._leave(slot)

    def _enter(self, orders: Orders) -> Slot:
        slot = Slot(orders, self._program)
        self._open.append(slot)
        if self._over:
            slot.ask_to_end()
        return slot

    def _leave(self, slot: Slot) -> None:
        try:
            slot.end()
        except Exception as error:  # the rows that wait are still played
            print(f"error: a slot could not be swept: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        self._open.remove(slot)


def _next(waiting: Sequence[deque[Row]]) -> Row | None:
    for queue in waiting:
        with contextlib.suppress(IndexError):
            return queue.popleft()
    return None


def _not_shown(row: Row, why: str) -> Played:
    return Played(Result(row.number, row.fault, row.holds, skipped=why))


def _lost(row: Row, why: str) -> Played:
    result = Result(row.number, row.fault, row.holds)
    result.expect(False, why)
    return Played(result)
