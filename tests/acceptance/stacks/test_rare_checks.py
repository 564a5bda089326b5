"""Images whose own health check the engine runs every ten minutes, with shorter limits in the stack."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.docker.engine import Engine
from deploy.demo.environment import Environment, checked_every, environment, logs_of
from deploy.demo.load import Load
from deploy.demo.repository import Variant
from tests.acceptance.conftest import SHORT
from tests.acceptance.test_operator import queued

pytestmark = pytest.mark.engine

LONG = 300.0
COLOR = ("health_skills", "health_api")


@pytest.fixture
def home(engine: Engine, images: tuple[str, str], tmp_path: Path) -> Iterator[Environment]:
    base, traefik = images
    made = environment(tmp_path / "env", engine, base=base, traefik=traefik, times=SHORT, prepare=checked_every("10m"))
    with made as built:
        yield built
        print(logs_of(built))


def verdicts(result: dict[str, Any], *steps: str) -> list[str]:
    """The engine's health status of the containers at the end of each of `steps`."""
    return [result["evidence"][step]["own_check"] for step in steps]


async def test_rollouts_do_not_wait_for_engine_check(home: Environment) -> None:
    await home.go_live("v1.0.0")
    good = await home.go_live("v1.1.0")
    async with Load(list(home.routes.values()), rps=20) as load:
        bad = await home.go_live("v1.2.0", Variant.BOT_FAILS)
        await home.post("/update/unpause")
        back = await home.ended(await queued(home, "/update/rollback", {}), LONG)
        report = await load.stop()
    assert (good["status"], verdicts(good, *COLOR, "restart_bot")) == ("success", ["starting"] * 3)
    assert (bad["status"], bad["reason_code"]) == ("rolled_back", "singleton_never_ready")
    assert "its own check says exit code 1: FileNotFoundError" in bad["error"]
    assert verdicts(bad, *COLOR, "rollback_bot") == ["starting"] * 3
    assert (back["status"], back["tag"]) == ("success", "v1.0.0")
    assert verdicts(back, *COLOR, "restart_bot") == ["starting"] * 3
    assert report.failed == 0, report.failures
    assert (await home.sessions())["max"] == 1
