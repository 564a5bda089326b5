"""`bin/demo` as a user runs it: each variant of the release ends as expected and leaves nothing behind."""

from typing import Any

import pytest

from deploy.demo.docker.engine import Engine
from tests.acceptance.demo_run import run_demo

pytestmark = pytest.mark.engine


async def demo(engine: Engine, release: str) -> tuple[int, dict[str, Any], str, list[str]]:
    """The exit code, the JSON in the last line of standard output, standard error, and everything left behind."""
    run = await run_demo(engine, "--release", release, "--json")
    assert run.outcome, run.log
    return run.code, run.outcome, run.log, run.left


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
