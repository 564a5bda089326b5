"""Ends every process that a command has started, also one whose parent was killed."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
"""https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html"""

LEAVE_SECONDS = 30.0
"""How long a process that was left may take to end after SIGTERM: a Docker daemon stops its containers first."""

POLL_SECONDS = 0.05


def descendants(pid: int) -> list[int]:
    """The running processes below `pid`, parents first; without zombies."""
    found: list[int] = []
    for child in _children(pid):
        found += [*([child] if _runs(child) else []), *descendants(child)]
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):  # the process has just ended
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - Path.glob fails if it goes meanwhile
            with contextlib.suppress(OSError):
                children += [int(word) for word in Path(f"/proc/{pid}/task/{thread}/children").read_text().split()]
    return children


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


@contextlib.contextmanager
def nothing_left(say: Callable[[str], None]) -> Iterator[None]:
    """At the end of the block, ends every process that it has started and left, however it was started.

    Until then, a process whose parent ends becomes a child of this one, instead of one that no command knows.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        left = descendants(os.getpid())
        if left:
            say(f"ending {len(left)} processes that the tests left running")
        _signal(left, signal.SIGTERM)
        deadline = time.monotonic() + LEAVE_SECONDS
        while left := _reaped():
            if time.monotonic() > deadline:
                _signal(left, signal.SIGKILL)
            time.sleep(POLL_SECONDS)


def _reaped() -> list[int]:
    """The processes that still run below this one, after those that have ended were removed."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    return descendants(os.getpid())


def _signal(processes: list[int], number: signal.Signals) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def wait(process: "subprocess.Popen[bytes]", limit: float | None = None) -> int | None:
    """Waits for `process`, and removes every other child that ends meanwhile. None if it runs longer than `limit`."""
    deadline = None if limit is None else time.monotonic() + limit
    while process.returncode is None:
        pid, status = os.waitpid(-1, 0 if deadline is None else os.WNOHANG)
        if pid == process.pid:
            process.returncode = os.waitstatus_to_exitcode(status)
        elif deadline is not None and not pid:
            if time.monotonic() > deadline:
                return None
            time.sleep(POLL_SECONDS)
    return process.returncode
