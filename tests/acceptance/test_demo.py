"""`bin/demo` as a user runs it: each variant of the release ends as expected and leaves nothing behind."""

import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.docker.engine import OWN_ENGINE, Engine, connected
from deploy.demo.processes import ROOT

pytestmark = pytest.mark.engine

DEMO_SECONDS = 300


async def demo(engine: Engine, release: str) -> tuple[int, dict[str, Any], str, list[str]]:
    """The exit code, the JSON in the last line of standard output, standard error, and everything left behind."""
    with tempfile.TemporaryDirectory(prefix="zu-") as directory:
        env = {**os.environ, "DOCKER_HOST": engine.host, "TMPDIR": directory}
        env.pop(OWN_ENGINE, None)
        process = await asyncio.create_subprocess_exec(
            *(str(ROOT / "bin" / "demo"), "--release", release, "--json"),
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(DEMO_SECONDS):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        left = left_over(engine, f"zu-demo-{process.pid}-", Path(directory))
    log = err.decode()
    assert out.strip(), log
    return process.returncode or 0, json.loads(out.decode().splitlines()[-1]), log, left


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("good", {"result": "success", "tag_live": "v1.1.0", "active_color": "green", "paused": False}),
        ("unhealthy", {"result": "failed", "tag_live": "v1.0.0", "paused": True, "route_moved": False}),
        ("broken-build", {"result": "failed", "tag_live": "v1.0.0", "paused": True, "route_moved": False}),
        ("bot-fails", {"result": "rolled_back", "tag_live": "v1.0.0", "paused": True, "active_color": "blue"}),
    ],
)
async def test_no_request_fails_for_any_release(
    engine: Engine, images: tuple[str, str], release: str, expected: dict[str, Any]
) -> None:
    code, outcome, log, left = await demo(engine, release)
    assert code == 0, log
    assert outcome | expected == outcome
    assert (outcome["failed_requests"], outcome["max_bots"]) == (0, 1)
    assert outcome["requests"] >= 2_000
    assert (outcome["rollback_ms"] is not None) == (release == "bot-fails")
    assert left == []


def left_over(engine: Engine, prefix: str, directory: Path) -> list[str]:
    """The remaining containers, networks and files of a demo that has ended."""
    with connected(engine.host) as client:
        containers = [str(c.name) for c in client.containers.list(all=True, ignore_removed=True)]
        networks = [str(n.name) for n in client.networks.list()]
    files = [file.name for file in directory.iterdir()]
    return [*(name for name in (*containers, *networks) if name.startswith(prefix)), *files]
