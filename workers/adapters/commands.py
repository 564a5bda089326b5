"""Runs a command without a shell: clean environment, time limit, streamed output; ends the whole process group."""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.long_lines import OUTPUT_LINE_BYTES, beginning, shortened

LINES_KEPT = 400
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")
"""The few variables of the worker that a command needs."""

END_SECONDS = 5.0
"""How long a command may take to exit after SIGTERM."""


@dataclass(frozen=True)
class Finished:
    """How a command ended. `lines`: the last lines of standard output and standard error, in order of arrival.

    Each line has at most OUTPUT_LINE_BYTES.
    """

    code: int
    lines: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return self.code == 0


async def run_command(
    command: Sequence[str],
    *,
    limit: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Finished:
    """Runs `command` to its end. Raises TimeoutError after `limit` seconds. Always ends the process group."""
    lines: deque[str] = deque(maxlen=LINES_KEPT)
    async with asyncio.timeout(limit), _started(command, env or {}, cwd) as process:
        async for line in _lines(process):
            lines.append(line)
            if on_line:
                on_line(line)
        return Finished(await process.wait(), tuple(lines))


async def read_command(
    command: Sequence[str],
    *,
    limit: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    inherited: Collection[str] = INHERITED,
) -> tuple[Finished, str]:
    """Runs `command` and returns its whole standard output, separate from the last lines of standard error.

    `inherited`: the variables of the worker that it gets.
    """
    async with (
        asyncio.timeout(limit),
        _started(command, env or {}, cwd, stderr=asyncio.subprocess.PIPE, inherited=inherited) as process,
    ):
        out, err = await process.communicate()
        returncode = await process.wait()
        lines = err.decode("utf-8", "replace").splitlines()[-LINES_KEPT:]
        kept = tuple(shortened(line, OUTPUT_LINE_BYTES) for line in lines)
        return Finished(returncode, kept), out.decode("utf-8", "replace")


def clean_environ(inherited: Collection[str] = INHERITED, **more: str) -> dict[str, str]:
    """Returns the `inherited` variables, plus `more`. The updater's secrets are not among them."""
    kept = {name: os.environ[name] for name in inherited if name in os.environ}
    return {**kept, **more}


@contextlib.asynccontextmanager
async def _started(
    command: Sequence[str],
    env: Mapping[str, str],
    cwd: Path | None,
    stderr: int = asyncio.subprocess.STDOUT,
    inherited: Collection[str] = INHERITED,
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=clean_environ(inherited, **env),
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
        limit=OUTPUT_LINE_BYTES,
    )
    try:
        yield process
    finally:
        await asyncio.shield(_end(process))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends the command and its children, which may outlive the group's leader."""
    if process.returncode is None:
        _signal(process.pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        _signal(process.pid, signal.SIGKILL)
        await process.wait()
        # asyncio keeps its end of the pipes open while another process holds the other end; there is no public API.
        process._transport.close()  # type: ignore[attr-defined]


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


async def _lines(process: asyncio.subprocess.Process) -> AsyncIterator[str]:
    """Yields the lines of standard output, each in at most OUTPUT_LINE_BYTES."""
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    more = True
    while more:
        begin, length, more = await _line(process.stdout)
        line = begin.decode("utf-8", "replace")
        if more or begin:
            whole = length == len(begin)
            yield shortened(line, OUTPUT_LINE_BYTES) if whole else beginning(line, OUTPUT_LINE_BYTES, length)


async def _line(output: asyncio.StreamReader) -> tuple[bytes, int, bool]:
    """Returns the beginning of the next line, the bytes of the whole line, and whether output may follow."""
    begin, length = b"", 0
    while True:
        ended = more = True
        try:
            piece = await output.readuntil(b"\n")
        except asyncio.LimitOverrunError as long:
            piece, ended = await output.readexactly(long.consumed), False
        except asyncio.IncompleteReadError as end:
            piece, more = end.partial, False
        piece = piece.rstrip(b"\r\n") if ended else piece
        begin += piece[: OUTPUT_LINE_BYTES - len(begin)]
        length += len(piece)
        if ended:
            return begin, length, more
