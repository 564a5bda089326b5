"""A release with a new updater replaces the updater last; an updater that stays unhealthy is rolled back."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from unittest.mock import ANY

import pytest

from deploy.demo.docker.engine import Engine
from deploy.demo.docker.images import packed
from deploy.demo.environment import Json
from deploy.demo.load import Load
from deploy.demo.repository import Variant
from tests.acceptance.host.shell import UPDATER_IMAGE
from tests.acceptance.production.site import WEB, WORKER, Site, installed
from tests.integration.waiting import once_up, until
from workers.self_update.model import SUCCESSOR

pytestmark = pytest.mark.engine

LONG = 400.0
RELEASES = dict.fromkeys(("v1.0.0", "v1.1.0", "v1.2.0"), Variant.GOOD)
GOOD, BROKEN = "zetherion-updater:0.2.0", "zetherion-updater:0.3.0"
WITHOUT_ITS_FACE = f"FROM {UPDATER_IMAGE}\nUSER 0\nRUN rm -r /opt/updater/src/app/web\nUSER 65532:65532\n"


def say(text: str) -> None:
    print(f"[set-up] {text}", file=sys.stderr, flush=True)


@pytest.fixture
def site(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    updaters = {"v1.1.0": "0.2.0", "v1.2.0": "0.3.0"}
    with installed(tmp_path_factory.mktemp("site"), engine, say, RELEASES, updaters=updaters) as site:
        site.client.images.get(UPDATER_IMAGE).tag(GOOD)
        packed(site.client, BROKEN, WITHOUT_ITS_FACE, {})
        try:
            yield site
        finally:
            site.take_containers_away()
            for name in (GOOD, BROKEN):
                site.client.images.remove(name)


def runs(site: Site, image: str) -> bool:
    """Whether web and worker run from `image` and are healthy."""
    running = site.running()
    return all(
        service in running
        and running[service].attrs["Config"]["Image"] == image
        and running[service].health == "healthy"
        for service in (WEB, WORKER)
    )


def services(site: Site) -> set[str]:
    """The services of all containers, including stopped ones."""
    return {c.labels["com.docker.compose.service"] for c in site.all_containers()}


def attempt(site: Site) -> Json:
    found: Json = json.loads((site.data / "succession" / "attempt.json").read_text())
    return found


async def alarmed(site: Site) -> bool:
    alarms = (await site.get("/status"))["alarms"]
    return [alarm["kind"] for alarm in alarms] == ["updater_not_replaced"]


async def test_self_update_runs_last_and_can_roll_back(site: Site) -> None:
    for tag in ("v1.0.0", "v1.1.0"):
        assert (await site.ended((await site.announce(tag))["rollout_id"], LONG))["status"] == "success"
    first = site.container(WORKER).id
    async with Load(list(site.routes.values()), rps=10, slow_seconds=1) as load:
        await until(once_up(lambda: SUCCESSOR in site.running() and attempt(site)["starts"] == 1), LONG)
        os.kill(site.running()[SUCCESSOR].attrs["State"]["Pid"], signal.SIGKILL)  # the engine restarts it
        await until(once_up(lambda: runs(site, GOOD)), LONG)
        await until(once_up(lambda: SUCCESSOR not in services(site)), LONG)
        report = await load.stop()
    assert report.failed == 0, report.failures
    assert site.container(WORKER).id != first
    assert attempt(site) == {"rollout": ANY, "tag": "v1.1.0", "worker": first, "ended": True, "why": "", "starts": 2}
    site.look_up()
    status = await site.get("/status")
    assert (status["current"]["tag"], status["paused"], status["alarms"]) == ("v1.1.0", False, [])

    result = await site.ended((await site.announce("v1.2.0"))["rollout_id"], LONG)
    assert result["status"] == "success", "the new worker took over the journal and rolls out"
    second = site.container(WORKER).id
    await until(once_up(lambda: attempt(site)["tag"] == "v1.2.0" and attempt(site)["ended"]), LONG)
    await until(once_up(lambda: runs(site, GOOD)), LONG)
    assert site.container(WORKER).id == second, "the worker was never stopped"
    why = attempt(site)["why"]
    assert why.startswith(f"{WEB} ended "), why
    assert why.endswith("; the old one runs again"), why
    site.look_up()
    await until(once_up(lambda: alarmed(site)), LONG)
    status = await site.get("/status")
    assert (status["current"]["tag"], status["paused"]) == ("v1.2.0", False)
    assert SUCCESSOR not in site.running(), "the successor is kept for its log and not restarted"
    before = {service: c.id for service, c in site.running().items()}
    site.follow("8.")
    assert {service: c.id for service, c in site.running().items()} == before, (
        "commands by hand leave the running updater unchanged"
    )
    log = next(c for c in site.all_containers() if c.labels["com.docker.compose.service"] == SUCCESSOR).logs()
    assert "restoring the old one" in log.decode()
