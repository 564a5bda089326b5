"""A worker that was replaced changes nothing, but may still read."""

from typing import Any

import pytest

from app.domain.errors import StaleWorker
from app.domain.stack import Color
from tests.fakes.world import World
from workers.ports import Engine, Route
from workers.ports.mutation import mutates

READS = {
    Engine: {
        *(
            "defined",
            "missing",
            "compare",
            "changed_values",
            "one_way",
            "unreached",
            "unchanged",
            "copies",
            "needs",
            "published_path",
            "published_release",
            "roles_of",
        ),
        *(
            "live_files",
            "find",
            "named",
            "outside",
            "inspect",
            "check",
            "tail",
            "ready",
            "times_away",
            "survey",
            "refused_images",
            "cluster",
        ),
    },
    Route: {
        *("file", "where", "stands", "copies", "strays", "active", "rollout"),
        *("files", "complaints", "entrypoints", "loaded", "unfit"),
    },
}


@pytest.mark.parametrize("port", READS)
def test_every_port_call_is_a_read_or_a_mutation(port: type[Any]) -> None:
    calls = {name for name in dir(port) if not name.startswith("_")}
    assert {name for name in calls if not mutates(port, name)} == READS[port]


async def test_a_replaced_worker_moves_no_route(world: World) -> None:
    world.journal.epoch = world.state.epoch + 1
    with pytest.raises(StaleWorker):
        await world.ports.route.flip(Color.GREEN, "r-1")
    assert await world.ports.route.active() is Color.BLUE


async def test_a_replaced_worker_stops_no_container(world: World) -> None:
    (running,) = await world.ports.engine.find("bot")
    world.journal.epoch = world.state.epoch + 1
    with pytest.raises(StaleWorker):
        await world.ports.engine.stop(running.id, 1)
    assert world.effects == []
