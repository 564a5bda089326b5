"""Runs `bin/demo`, also on a user's repository."""

import asyncio
import contextlib
import json
import os
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deploy.demo.docker.engine import OWN_ENGINE, Engine, connected
from deploy.demo.environment import tree_of
from deploy.demo.processes import ROOT

DEMO_SECONDS = 900


@dataclass(frozen=True)
class Run:
    """How the demo ended. `outcome`: the JSON in its last line; empty without one."""

    code: int
    outcome: dict[str, Any]
    log: str
    left: list[str]
    pid: int


@dataclass(frozen=True)
class Interrupt:
    """Sends the signal `number` when the log has the text `at`."""

    at: str
    number: signal.Signals = signal.SIGINT


async def demo(engine: Engine, repository: Path, *words: str, interrupt_at: str | None = None) -> Run:
    """Runs `bin/demo` on the user's `repository`, in it."""
    before = tree_of(repository)
    own = ("--stack", "stack.yml", "--repository", ".", "--json", *words)
    run = await run_demo(engine, *own, directory=repository, interrupt_at=interrupt_at)
    assert tree_of(repository) == before, "the user's directory is only read"
    return run


async def run_demo(engine: Engine, *words: str, directory: Path | None = None, interrupt_at: str | None = None) -> Run:
    """Runs `bin/demo` in `directory`. `interrupt_at`: sends Ctrl-C's signal when the log has this text."""
    interrupt = Interrupt(interrupt_at) if interrupt_at else None
    with tempfile.TemporaryDirectory(prefix="zu-") as temporary:
        variables = {"DOCKER_HOST": engine.host, "TMPDIR": temporary}
        run = await ended_demo(variables, *words, directory=directory, interrupt=interrupt)
        return replace(run, left=left_over(engine, f"zu-demo-{run.pid}-", Path(temporary)))


async def ended_demo(
    variables: Mapping[str, str],
    *words: str,
    directory: Path | None = None,
    interrupt: Interrupt | None = None,
    limit: float = DEMO_SECONDS,
) -> Run:
    """Runs `bin/demo` in `directory` until it has ended, for at most `limit` seconds. Does not look for what is left.

    `variables`: added to the environment.
    """
    env = {**os.environ, **variables, "COLUMNS": "500"}
    env.pop(OWN_ENGINE, None)
    process = await asyncio.create_subprocess_exec(
        *(str(ROOT / "bin" / "demo"), *words),
        env=env,
        cwd=directory,
        preexec_fn=_hears_ctrl_c,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(limit):
            log = await _log_until(process, interrupt) if interrupt else ""
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    log += err.decode()
    print(log)
    lines = out.decode().splitlines()
    return Run(process.returncode or 0, json.loads(lines[-1]) if lines else {}, log, [], process.pid)


def left_over(engine: Engine, prefix: str, directory: Path) -> list[str]:
    """The remaining containers, networks, volumes and files of a demo that has ended."""
    with connected(engine.host) as client:
        containers = [str(c.name) for c in client.containers.list(all=True, ignore_removed=True)]
        networks = [str(n.name) for n in client.networks.list()]
        volumes = [str(v.name) for v in client.volumes.list()]
    files = [file.name for file in directory.iterdir()]
    return [*(name for name in (*containers, *networks, *volumes) if name.startswith(prefix)), *files]


def _hears_ctrl_c() -> None:
    """A shell's background job, as this test may be one, ignores the signal, and so would the demo."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def _log_until(process: asyncio.subprocess.Process, interrupt: Interrupt) -> str:
    log = ""
    assert process.stderr is not None
    while interrupt.at not in log:
        read = await process.stderr.readline()
        assert read, log
        log += read.decode()
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(interrupt.number)
    return log
