"""`bin/demo --pictures` takes pictures of a rollout, light and dark."""

import struct
from pathlib import Path

import pytest

from deploy.demo.pictures.camera import BAKE, HEIGHT, MOST_BYTES, WIDTH, camera
from tests.browser.conftest import HeldClock
from tests.browser.test_dashboard import deploy
from tests.fakes.world import World
from tests.integration.waiting import until
from tests.integration.web.conftest import Listening, settled

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("worker", "chromium")]

NOW = {"dashboard-now-light.png", "dashboard-now-dark.png"}
ROLLOUT = {"dashboard-rollout-light.png", "dashboard-rollout-dark.png"}


def size_of(picture: bytes) -> tuple[int, int]:
    """Width and height of a PNG. https://www.w3.org/TR/png-3/#11IHDR"""
    width, height = struct.unpack(">II", picture[16:24])
    return width, height


def pictures_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


async def test_pictures_show_the_bake_and_the_rollout(web: Listening, clock: HeldClock, tmp_path: Path) -> None:
    said: list[str] = []
    async with camera(web.internal, web.secret, tmp_path / "pictures", said.append) as taking:
        async with taking.watching():
            clock.hold()
            rollout = await deploy(web, "v1.1.0")
            await taking.page.locator(BAKE).wait_for()
            clock.go_on()
            await settled(web, "v1.1.0")
        await taking.rollout(rollout)
    pictures = pictures_in(tmp_path / "pictures")
    assert pictures.keys() == NOW | ROLLOUT
    assert len(set(pictures.values())) == 4
    assert {size_of(picture) for picture in pictures.values()} == {(WIDTH, HEIGHT)}
    assert all(len(picture) < MOST_BYTES for picture in pictures.values())
    assert [each for each in said if "picture" in each and "more than" in each] == []


async def test_failed_release_has_no_picture_of_its_bake(web: Listening, world: World, tmp_path: Path) -> None:
    world.engine.behave("api", "v1.1.0", status=500)
    said: list[str] = []
    async with camera(web.internal, web.secret, tmp_path, said.append) as taking:
        async with taking.watching():
            rollout = await deploy(web, "v1.1.0")
            await until(lambda: world.state.paused)
        await taking.rollout(rollout)
    assert pictures_in(tmp_path).keys() == ROLLOUT
    assert all(len(picture) < MOST_BYTES for picture in pictures_in(tmp_path).values())
    assert "no picture of the bake: the release did not get that far" in said
