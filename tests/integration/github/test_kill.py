"""`kill -9` of a worker during its calls to GitHub: exactly one deployment results, with the right states."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from deploy.demo.github.control import GitHubServer
from deploy.demo.processes import running
from tests.examples import sha_of
from tests.integration.waiting import until

LIVE = {"v1.0.0": ["queued", "in_progress", "success"]}
LIMIT = 120.0


@pytest.mark.parametrize("posts", [1, 2, 3, 4])
async def test_kill_during_a_post_keeps_one_deployment(github: GitHubServer, tmp_path: Path, posts: int) -> None:
    """GitHub carries out the n-th POST after the worker was killed, so no process reads its answer."""
    github.publish("v1.0.0", sha_of("v1.0.0"))
    command = [sys.executable, "-m", "tests.integration.github.telling", str(tmp_path), github.url]
    github.weather(slow=0.3, methods=["POST"])
    with running(command, {}, tmp_path / "first.log") as first:
        await until(lambda: len(github.calls("POST")) >= posts - 1 and _in_the_next(tmp_path), LIMIT)
        first.kill()
    github.weather()
    started = time.monotonic()
    with running(command, {}, tmp_path / "second.log"):
        await until(lambda: asyncio.to_thread(lambda: github.states() == LIVE), LIMIT)
    assert len(github.deployments()) == 1
    assert time.monotonic() - started < LIMIT


def _in_the_next(directory: Path) -> bool:
    """Whether the outbox on disk records a call in progress."""
    outbox = directory / "github.json"
    return outbox.exists() and '"tried_at": "' in outbox.read_text()
