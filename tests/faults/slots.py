"""Plays rows in several processes at once, because rows mostly wait. Each slot is cleaned up after its end."""

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

from deploy.demo.docker.dockerd import answers
from deploy.demo.docker.mounts import unmount_below
from deploy.demo.docker.projects import take_down
from deploy.demo.processes import ROOT
from tests.faults.scenario import OnProgress, Row, silent
from tests.faults.slot import Orders
from tests.faults.verdict import Result

LEAVE_SECONDS = 60.0
"""Time for a slot to take its environment down."""

GONE_SECONDS = 60.0
POLL_SECONDS = 0.05
LAST_LINES = 30
PROGRAM = (sys.executable, "-m", "tests.faults.slot")
ALONE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
"""A starting daemon rewrites the firewall, so its slot has its own network namespace. The slot's processes and mounts
end with it, however it ends."""


NO_ENGINE_TO_END = "the row ends the engine, so it needs its own engine, and that needs root"


@dataclass(frozen=True)
class Played:
    """The result of a row, and the updater's last log lines if the row failed."""

    result: Result
    last_words: str = ""


class SlotEnded(Exception):
    """The process of a slot ended while it played a row; the text is the end of its log."""


class Slot:
    """A process with its own TMPDIR: everything that it starts has that directory in its environment."""

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

    def play(self, row: Row, on_progress: OnProgress = silent) -> Played:
        """Raises SlotEnded."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(row.number, file=self._process.stdin, flush=True)
            while "progress" in (message := json.loads(self._process.stdout.readline())):
                on_progress(f"row {row.number}: {message['progress']}")
        except (OSError, ValueError) as ended:
            raise SlotEnded(self._last_words()) from ended
        return Played(Result(**message["result"]), message["last_words"])

    def ask_to_end(self) -> None:
        """Asks the process to end, even in the middle of a row."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kills the process; `sweep` removes what it has started."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def end(self) -> None:
        """Waits until the slot has taken its environment down, then removes what it left."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(LEAVE_SECONDS)
        self.sweep()

    def sweep(self) -> None:
        """Removes everything that the slot started: processes, mounts, containers, files."""
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
    """Kills every process whose environment names `directory`, until none is left or GONE_SECONDS have passed."""
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
    """Runs `jobs` slots, and one more for the rows that end the engine, which takes other rows after them.

    `results` are set in the order in which the rows end; `on_progress` receives each row's progress.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        orders: Orders,
        jobs: int,
        *,
        program: Sequence[str] = PROGRAM,
        on_progress: OnProgress = silent,
    ) -> None:
        self._program, self._on_progress = program, on_progress
        self.results: dict[int, Future[Played]] = {row.number: Future() for row in rows}
        ordered = sorted(rows, key=lambda row: (bool(row.access), -row.minutes))  # each change needs an environment
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
        """Ends the rows that still run, and waits until every slot has taken its environment down."""
        self._over = True
        deadline = time.monotonic() + LEAVE_SECONDS
        for slot in list(self._open):
            slot.ask_to_end()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for slot in list(self._open):
            slot.kill()  # Python loses an exception of a signal in a callback of the garbage collector
        for thread in self._threads:
            thread.join()

    def _follow(self, waiting: Sequence[deque[Row]], orders: Orders) -> None:
        """Plays the rows of the first queue, then of the next, in one slot for as long as it lives."""
        slot: Slot | None = None
        while not self._over and (row := _next(waiting)):
            self.begun.append(row.number)
            slot = slot or self._enter(orders)
            try:
                self.results[row.number].set_result(slot.play(row, self._on_progress))
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
        except Exception as error:  # the other rows are still played
            print(f"error: cleaning up a slot failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
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
