# ruff: noqa: ASYNC240 - a test may block
import asyncio
import os
import sys
from pathlib import Path

import pytest

from app.domain.long_lines import OUTPUT_LINE_BYTES, shortened
from workers.adapters import commands
from workers.adapters.commands import clean_environ, read_command, run_command

LONG = 120.0
"""Seconds; only a failing test takes this long."""


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


async def test_lines_arrive_in_order_as_written(tmp_path: Path) -> None:
    """The command waits for a file that the test creates after the first line."""
    seen = tmp_path / "seen"
    script = f"echo one; while [ ! -e {seen} ]; do sleep 0.01; done; echo two >&2; echo three; printf four"
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        seen.touch()

    finished = await run_command(["sh", "-c", script], limit=LONG, on_line=on_line)
    assert lines == ["one", "two", "three", "four"]
    assert (finished.code, finished.ok, finished.lines) == (0, True, ("one", "two", "three", "four"))


async def test_exit_code_is_returned() -> None:
    finished = await run_command(["sh", "-c", "exit 17"], limit=LONG)
    assert (finished.code, finished.ok) == (17, False)


async def test_only_the_last_lines_are_kept() -> None:
    finished = await run_command(["seq", str(commands.LINES_KEPT + 5)], limit=LONG)
    assert (len(finished.lines), finished.lines[0]) == (commands.LINES_KEPT, "6")


@pytest.mark.parametrize("more", [0, 1, 2, OUTPUT_LINE_BYTES, 3 * OUTPUT_LINE_BYTES + 17])
@pytest.mark.parametrize("end", ["\\n", ""])
async def test_overlong_line_is_cut_with_its_length(more: int, end: str) -> None:
    size = OUTPUT_LINE_BYTES + more
    program = f"print('start'); print(); print('x' * {size}, end='{end}')"
    lines: list[str] = []
    finished = await run_command(python(program), limit=LONG, on_line=lines.append)
    assert lines == ["start", "", shortened("x" * size, OUTPUT_LINE_BYTES)]
    assert finished.lines == tuple(lines)
    assert (str(size) in lines[2]) == (more > 0)


async def test_output_after_an_overlong_line_is_read() -> None:
    program = f"print('x' * {5 * OUTPUT_LINE_BYTES}); print('one'); print('y' * {5 * OUTPUT_LINE_BYTES}); print('two')"
    finished = await run_command(python(program), limit=LONG)
    assert [line[:3] for line in finished.lines] == ["xxx", "one", "yyy", "two"]
    assert all(len(line.encode()) <= OUTPUT_LINE_BYTES for line in finished.lines)


async def test_overlong_error_line_is_cut() -> None:
    finished, _ = await read_command(python(f"import sys; sys.stderr.write('x' * {5 * OUTPUT_LINE_BYTES})"), limit=LONG)
    assert finished.lines == (shortened("x" * 5 * OUTPUT_LINE_BYTES, OUTPUT_LINE_BYTES),)


async def test_invalid_bytes_are_replaced() -> None:
    finished = await run_command(["printf", r"a\377b\r\n"], limit=LONG)
    assert finished.lines == ("a�b",)


async def test_standard_output_is_read_without_errors() -> None:
    finished, out = await read_command(["sh", "-c", "echo out; echo err >&2; echo more; exit 3"], limit=LONG)
    assert (finished.code, finished.lines, out) == (3, ("err",), "out\nmore\n")


async def test_standard_input_is_empty() -> None:
    assert (await run_command(["cat"], limit=LONG)).lines == ()


async def test_command_runs_in_the_given_directory(tmp_path: Path) -> None:
    assert (await run_command(["pwd", "-P"], limit=LONG, cwd=tmp_path)).lines == (str(tmp_path.resolve()),)


async def test_environment_holds_no_updater_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", "canary")
    monkeypatch.setenv("GIT_DIR", "canary")
    for finished in (
        await run_command(["env"], limit=LONG, env={"MORE": "1"}),
        (await read_command(["sh", "-c", "env >&2"], limit=LONG, env={"MORE": "1"}))[0],
    ):
        assert "MORE=1" in finished.lines
        assert not [line for line in finished.lines if "canary" in line]
    assert set(clean_environ(MORE="1")) <= {"PATH", "HOME", "LANG", "TMPDIR", "MORE"}


async def test_missing_command_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        await run_command(["/no/such/command"], limit=LONG)


class Family:
    """A command and its child; both hold a lock while they live."""

    def __init__(self, directory: Path) -> None:
        self.lock, self.ready = directory / "lock", directory / "ready"
        self.lock.touch()

    def command(self, parent: str, child: str = "exec sleep 60") -> list[str]:
        """`parent`: what the shell does once its child holds the lock."""
        start = f"(exec 9>{self.lock}; flock -s 9; echo up; {child}) & while flock -n -x {self.lock} true; do :; done"
        return ["sh", "-c", f"{start}; {parent}"]

    async def all_gone(self) -> bool:
        """Whether no process holds the lock any more. Waits up to 5 s for a process that is ending."""
        waiting = await asyncio.create_subprocess_exec("flock", "-x", "-w", "5", str(self.lock), "true")
        return await waiting.wait() == 0


@pytest.fixture
def family(tmp_path: Path) -> Family:
    return Family(tmp_path)


@pytest.fixture(autouse=True)
def _short_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "END_SECONDS", 0.2)


@pytest.mark.parametrize("child", ["exec sleep 60", "trap '' TERM; while :; do sleep 60; done"])
async def test_the_time_limit_ends_the_whole_group(family: Family, child: str) -> None:
    with pytest.raises(TimeoutError):
        await run_command(family.command("wait", child), limit=0.5)
    assert await family.all_gone()


async def test_command_ignoring_sigterm_is_killed(family: Family) -> None:
    with pytest.raises(TimeoutError):
        await run_command(
            ["sh", "-c", f"trap '' TERM; exec 9<{family.lock}; flock -s 9; while :; do sleep 60; done"], limit=0.3
        )
    assert await family.all_gone()


async def test_cancelled_command_ends_its_whole_group(family: Family) -> None:
    up = asyncio.Event()
    running = asyncio.create_task(run_command(family.command("wait"), limit=LONG, on_line=lambda _: up.set()))
    await asyncio.wait_for(up.wait(), LONG)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await family.all_gone()


async def test_child_outliving_its_command_is_ended(family: Family) -> None:
    with pytest.raises(TimeoutError):
        await run_command(family.command("exit 0"), limit=0.5)
    assert await family.all_gone()


async def test_silent_child_ends_with_its_command(family: Family) -> None:
    finished = await run_command(family.command("exit 0", "exec sleep 60 >/dev/null 2>&1"), limit=LONG)
    assert finished.ok
    assert await family.all_gone()


async def test_command_gets_its_own_process_group(family: Family) -> None:
    finished = await run_command(
        ["sh", "-c", "ps -o pgid= -p $$ 2>/dev/null || cut -d' ' -f5 /proc/$$/stat"], limit=LONG
    )
    assert int(finished.lines[-1]) != os.getpgrp()
