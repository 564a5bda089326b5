"""The alarms for a route file that differs from what the updater writes."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.stack import Color
from tests.fakes.world import World
from workers.adapters.traefik.route_file import RouteFile
from workers.adoption import drift

LIVE = "r-v1.0.0"


@pytest.fixture
async def file(world: World, tmp_path: Path) -> RouteFile:
    """The live release's route file, in a directory of its own."""
    (tmp_path / "dynamic").mkdir()
    file = RouteFile(tmp_path / "dynamic", world.stack)
    await world.journal.update(lambda s: s.routed_to(Color.BLUE, LIVE))
    await file.flip(Color.BLUE, LIVE)
    return file


async def test_another_versions_file_is_written_again(world: World, file: RouteFile) -> None:
    """It leads to the right color and rollout, so the alarm reports no outside change."""
    ours = file.file.read_text()
    file.file.write_text(ours.replace("serversTransport", "serversTransports"))
    ports = replace(world.ports, route=file)
    (alarm,) = await drift.restore(world.stack, ports)
    assert "normal after an update of the updater" in alarm.text
    assert file.file.read_text() == ours
    assert await drift.restore(world.stack, ports) == []


@pytest.mark.parametrize("change", ["color", "rollout", "gone"])
async def test_changed_file_raises_an_alarm(world: World, file: RouteFile, change: str) -> None:
    if change == "gone":
        file.file.unlink()
    else:
        await file.flip(Color.GREEN if change == "color" else Color.BLUE, "r-hand")
    (alarm,) = await drift.restore(world.stack, replace(world.ports, route=file))
    assert alarm.text == "The route file was changed or removed. It leads to blue again. Find out what changed it."
    assert (await file.active(), await file.rollout()) == (Color.BLUE, LIVE)
