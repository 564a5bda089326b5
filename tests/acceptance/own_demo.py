"""Runs `bin/demo --stack` on a user's repository."""

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
from tests.acceptance.test_demo import left_over

DEMO_SECONDS = 300


@dataclass(frozen=True)
class Run:
    """How the demo ended. `outcome`: the JSON in its last line; empty without one."""

    code: int
    outcome: dict[str, Any]
    log: str
    left: list[str]


async def demo(engine: Engine, repository: Path, *words: str, interrupt_at: str | None = None) -> Run:
    """Runs `bin/demo` in the user's `repository`. `interrupt_at`: sends Ctrl-C's signal when the log has this text."""
    before = tree_of(repository)
    with tempfile.TemporaryDirectory(prefix="zu-") as directory:
        env = {**os.environ, "DOCKER_HOST": engine.host, "TMPDIR": directory, "COLUMNS": "500"}
        env.pop(OWN_ENGINE, None)
        process = await asyncio.create_subprocess_exec(
            *(str(ROOT / "bin" / "demo"), "--stack", "stack.yml", "--repository", ".", "--json", *words),
            env=env,
            cwd=repository,
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
        left = left_over(engine, f"zu-demo-{process.pid}-", Path(directory))
    with connected(engine.host) as client:
        left += [v.name for v in client.volumes.list() if v.name.startswith(f"zu-demo-{process.pid}-")]
    assert tree_of(repository) == before, "the user's directory is only read"
    log += err.decode()
    print(log)
    lines = out.decode().splitlines()
    return Run(process.returncode or 0, json.loads(lines[-1]) if lines else {}, log, left)


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
