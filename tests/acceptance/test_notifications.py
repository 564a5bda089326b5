"""The notifications of complete rollouts, on real parts."""

from pathlib import Path

import pytest

from deploy.demo.docker.engine import Engine
from deploy.demo.environment import Environment, environment, logs_of
from deploy.demo.repository import Variant
from tests.acceptance.conftest import SHORT
from tests.integration.listener import listening
from tests.integration.waiting import until

pytestmark = pytest.mark.engine

NOTIFY_SECONDS = 120.0


async def test_outcomes_notify_once_despite_bad_targets(
    engine: Engine, images: tuple[str, str], tmp_path: Path
) -> None:
    base, traefik = images
    with listening() as friend, listening() as hangs, listening() as refuses:
        hangs.status, refuses.status = None, 500

        def prepare(home: Environment) -> None:
            home.env["UPDATER_NOTIFY_URLS"] = f"{hangs.url}\n{refuses.url}\n{friend.url}"

        with environment(tmp_path / "env", engine, base=base, traefik=traefik, times=SHORT, prepare=prepare) as home:
            good = await home.go_live("v1.0.0")
            bad = await home.go_live("v1.1.0", Variant.UNHEALTHY)
            await home.post("/update/unpause")
            assert (good["status"], bad["status"]) == ("success", "failed"), logs_of(home)
            await until(lambda: len(friend.got) >= 5 and bool(hangs.got), NOTIFY_SECONDS)
            counts = (await home.get("/status"))["notifications"]
            log = (home.log_dir / "worker.log").read_text()
    assert [title.partition(": ")[2] for title in friend.titles()] == [
        "v1.0.0 was accepted",
        "v1.0.0 is live",
        "v1.1.0 was accepted",
        "v1.1.0 did not go live; releases are paused",
        "releases go live again",
    ]
    assert "requests were checked, 0 failed" in friend.got[1]["message"]
    assert "Traffic stayed on v1.0.0" in friend.got[3]["message"]
    assert counts["targets"] == 3
    assert hangs.got, "the hanging target got a request and never answered"
    assert "canary" not in log, "a target's URL contains tokens and must not be logged"
