"""Runs `bin/demo`, also on a user's repository."""

import asyncio
import contextlib
import json
import os
import signal
import tempfile
from dataclasses import dataclass
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


async def demo(engine: Engine, repository: Path, *words: str, interrupt_at: str | None = None) -> Run:
    """Runs `bin/demo` on the user's `repository`, in it."""
    before = tree_of(repository)
    own = ("--stack", "stack.yml", "--repository", ".", "--json", *words)
    run = await run_demo(engine, *own, directory=repository, interrupt_at=interrupt_at)
    assert tree_of(repository) == before, "the user's directory is only read"
    return run


async def run_demo(engine: Engine, *words: str, directory: Path | None = None, interrupt_at: str | None = None) -> Run:
    """Runs `bin/demo` in `directory`. `interrupt_at`: sends Ctrl-C's signal when the log has this text."""
    with tempfile.TemporaryDirectory(prefix="zu-") as temporary:
        env = {**os.environ, "DOCKER_HOST": engine.host, "TMPDIR": temporary, "COLUMNS": "500"}
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
            async with asyncio.timeout(DEMO_SECONDS):
                log = await _log_until(process, interrupt_at) if interrupt_at else ""
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        left = left_over(engine, f"zu-demo-{process.pid}-", Path(temporary))
    log += err.decode()
    print(log)
    lines = out.decode().splitlines()
    return Run(process.returncode or 0, json.loads(lines[-1]) if lines else {}, log, left)


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


async def _log_until(process: asyncio.subprocess.Process, text: str) -> str:
    log = ""
    assert process.stderr is not None
    while text not in log:
        read = await process.stderr.readline()
        assert read, log
        log += read.decode()
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    return log
