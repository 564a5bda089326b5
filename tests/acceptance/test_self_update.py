"""A release that changes the updater too: it replaces itself, last; one that does not get well leaves the old one."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator

import pytest

from deploy.demo.engine import Engine
from deploy.demo.images import packed
from deploy.demo.load import Load
from deploy.demo.repository import Variant
from tests.acceptance.production.site import UPDATER_IMAGE, WEB, WORKER, Site, installed
from workers.succession_model import SUCCESSOR

pytestmark = pytest.mark.engine

LONG = 240.0
POLL_SECONDS = 0.2
RELEASES = dict.fromkeys(("v1.0.0", "v1.1.0", "v1.2.0"), Variant.GOOD)
GOOD, BROKEN = "zetherion-updater:0.2.0", "zetherion-updater:0.3.0"
WITHOUT_ITS_FACE = f"FROM {UPDATER_IMAGE}\nUSER 0\nRUN rm -r /opt/updater/src/app/web\nUSER 65532:65532\n"


def say(text: str) -> None:
    print(f"[set-up] {text}", file=sys.stderr, flush=True)


@pytest.fixture
def site(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    updaters = {"v1.1.0": "0.2.0", "v1.2.0": "0.3.0"}
    with installed(tmp_path_factory.mktemp("site"), engine, say, RELEASES, updaters) as site:
        site.client.images.get(UPDATER_IMAGE).tag(GOOD)
        packed(site.client, BROKEN, WITHOUT_ITS_FACE, {})
        try:
            yield site
        finally:
            site.take_containers_away()
            for name in (GOOD, BROKEN):
                site.client.images.remove(name)


async def until(holds: Callable[[], bool], limit: float = LONG) -> None:
    async with asyncio.timeout(limit):
        while not holds():  # noqa: ASYNC110 - the engine is asked
            await asyncio.sleep(POLL_SECONDS)


def runs(site: Site, image: str) -> bool:
    """Whether web and worker run from it, and are well."""
    running = site.running()
    return all(
        service in running
        and running[service].attrs["Config"]["Image"] == image
        and running[service].health == "healthy"
        for service in (WEB, WORKER)
    )


async def test_the_updater_replaces_itself_last_and_a_failed_successor_leaves_the_old_one(site: Site) -> None:
    assert (await site.ended((await site.announce("v1.0.0"))["rollout_id"], LONG))["status"] == "success"
    assert (await site.ended((await site.announce("v1.1.0"))["rollout_id"], LONG))["status"] == "success"
    async with Load(list(site.routes.values()), rps=10, slow_seconds=1) as load:
        await until(lambda: SUCCESSOR in site.running())
        os.kill(site.running()[SUCCESSOR].attrs["State"]["Pid"], signal.SIGKILL)  # it is started again and goes on
        await until(lambda: runs(site, GOOD))
        report = await load.stop()
    assert report.failed == 0, report.failures
    site.look_up()
    status = await site.get("/status")
    assert (status["current"]["tag"], status["paused"]) == ("v1.1.0", False)

    result = await site.ended((await site.announce("v1.2.0"))["rollout_id"], LONG)
    assert result["status"] == "success", "the successor took the journal over, and rolls out"
    await until(lambda: SUCCESSOR in site.running())
    await until(lambda: SUCCESSOR not in site.running())
    await until(lambda: runs(site, GOOD))
    site.look_up()
    assert (await site.get("/status"))["current"]["tag"] == "v1.2.0"
