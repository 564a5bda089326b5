"""A file of the live directory that changes during a rollout: what runs is what the record says, or the rollout stops.

Also a file that changed between two rollouts: what mounts it is replaced, and nothing else.
"""

import pytest

from app.domain.errors import FilesChanged
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Color
from tests.examples import a_release
from tests.fakes.world import World

FILE = "token.txt"
COLORS = ("skills-blue", "skills-green")
BOTS = ("bot",)


async def roll_out(world: World, tag: str = "v1.1.0") -> Rollout:
    world.inbox.put(a_release(tag))
    await world.worker().reconcile()
    return world.publisher.results[-1][0]


def written_at(world: World, effect: str, *contents: str) -> None:
    """Writes the file with each of `contents` once, right after `effect`."""
    look, left = world.engine.watcher, [effect]

    def watcher(seen: str) -> None:
        look(seen)
        if left[:1] == [seen]:
            left.pop()
            for content in contents:
                world.engine.write(FILE, content)

    world.engine.watcher = watcher


def stopped_before_flip(world: World, ended: Rollout) -> None:
    assert (ended.status, ended.reason_code) == (RolloutStatus.FAILED, FilesChanged.code)
    assert FILE in str(ended.error)
    assert "pply the tag again" in str(world.state.pause_reason)
    assert world.route.served()[0] is Color.BLUE
    assert world.engine.running("bot") == ["v1.0.0"]
    assert world.outages == []


@pytest.mark.parametrize("services", [COLORS, BOTS])
@pytest.mark.parametrize("effect", ["start skills-green v1.1.0", "start api-green v1.1.0"])
async def test_file_changed_before_the_flip_stops_it(world: World, services: tuple[str, ...], effect: str) -> None:
    world.engine.write(FILE, "one", *services)
    written_at(world, effect, "two")
    stopped_before_flip(world, await roll_out(world))


async def test_file_changed_back_after_the_start_stops_it(world: World) -> None:
    """A container may have read what was there in between."""
    world.engine.write(FILE, "one", *COLORS)
    written_at(world, "start skills-green v1.1.0", "two", "one")
    stopped_before_flip(world, await roll_out(world))


async def test_env_file_changed_while_the_release_is_read_stops_it(world: World) -> None:
    """What the record says was read before, and what runs after it."""
    world.engine.write(FILE, "one")
    compare = world.engine.compare

    async def edited(*args: object) -> object:
        found = await compare(*args)  # type: ignore[arg-type]
        world.engine.write(FILE, "two")
        return found

    world.engine.compare = edited  # type: ignore[method-assign, assignment]
    stopped_before_flip(world, await roll_out(world))
    assert not [effect for effect in world.effects if "start" in effect]


async def test_bots_file_changed_after_the_flip_rolls_back(world: World) -> None:
    world.engine.write(FILE, "one", *BOTS)
    written_at(world, "create bot v1.1.0", "two")
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.ROLLED_BACK, FilesChanged.code)
    assert world.engine.running("bot") == ["v1.0.0"]
    assert world.route.served()[0] is Color.BLUE


async def test_file_of_no_moved_service_may_change(world: World) -> None:
    world.engine.write(FILE, "one", "cache")
    written_at(world, "start skills-green v1.1.0", "two")
    assert (await roll_out(world)).status is RolloutStatus.SUCCESS


@pytest.mark.parametrize(("content", "runs"), [("one", "v1.1.0"), ("two", "v1.2.0")])
async def test_bot_with_a_changed_file_is_replaced(world: World, content: str, runs: str) -> None:
    for tag in ("v1.1.0", "v1.2.0"):
        world.engine.behave("bot", tag, image="bot:of both")
    world.engine.write(FILE, "one", *BOTS)
    await roll_out(world)
    world.engine.write(FILE, content)
    assert (await roll_out(world, "v1.2.0")).status is RolloutStatus.SUCCESS
    assert world.engine.running("bot") == [runs]
