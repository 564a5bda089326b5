"""Nothing stops, replaces or removes a container of the color that the route leads to."""

from dataclasses import replace

import pytest

from app.domain.errors import RouteNotConfirmed, StillServes
from app.domain.stack import Color
from tests.examples import sha_of
from tests.fakes.world import World
from workers.control.served_guard import protecting
from workers.ports import Stamp


async def test_serving_container_is_not_stopped(world: World) -> None:
    (serving,) = await world.ports.engine.find("api-blue")
    with pytest.raises(StillServes, match="api-blue"):
        await world.ports.engine.stop(serving.id, 1)
    assert world.effects == []


async def test_serving_container_is_not_replaced(world: World) -> None:
    stamp = Stamp("v1.1.0", sha_of("v1.1.0"), "r-1")
    definition = await world.ports.engine.define(await world.source.checkout(stamp.sha), stamp)
    with pytest.raises(StillServes, match="api-blue"):
        await world.ports.engine.start(definition, ["api-blue"])
    assert world.effects == []


async def test_stopped_container_of_the_serving_color_is_not_removed(world: World) -> None:
    """It is started again, so it must be kept."""
    (serving,) = await world.ports.engine.find("api-blue")
    world.engine.by_hand(stop=["api-blue"])
    with pytest.raises(StillServes):
        await world.ports.engine.remove(serving.id)
    assert world.effects == []


@pytest.mark.parametrize("pruned", [True, False], ids=["images too", "definitions"])
async def test_serving_release_is_never_pruned(world: World, pruned: bool) -> None:
    """A worker that lost its state file may not know that it serves."""
    stamp = Stamp("v1.0.0", sha_of("v1.0.0"), "r-v1.0.0")
    definition = await world.engine.define(await world.source.checkout(stamp.sha), stamp)
    clean = world.ports.engine.prune if pruned else world.ports.engine.forget
    await clean([sha_of("v1.1.0")])
    assert await world.engine.missing(stamp.sha, ["api-blue"]) == []
    await world.ports.engine.publish(definition, Color.BLUE)


@pytest.mark.parametrize("service", ["api-blue", "api-green"])
async def test_unreadable_route_protects_both_colors(world: World, service: str) -> None:
    """It may lead to either of them."""
    stamp = Stamp("v1.1.0", sha_of("v1.1.0"), "r-1")
    definition = await world.ports.engine.define(await world.source.checkout(stamp.sha), stamp)
    await world.ports.engine.start(definition, ["api-green"])
    (instance,) = await world.ports.engine.find(service)
    world.effects.clear()
    world.route.unreadable = True
    with pytest.raises(RouteNotConfirmed):
        await world.ports.engine.stop(instance.id, 1)
    with pytest.raises(RouteNotConfirmed):
        await world.ports.engine.prune([])
    assert world.effects == []


@pytest.fixture
async def renamed(world: World) -> World:
    """The stack file has other names for the live colors than the live release."""
    stamp = Stamp("v1.0.0", sha_of("v1.0.0"), "r-v1.0.0")
    definition = await world.engine.define(await world.source.checkout(stamp.sha), stamp)
    await world.ports.engine.publish(definition, Color.BLUE)
    names = {color: f"app-{color}" for color in Color}
    skills, api = world.stack.routed
    world.restack(replace(world.stack, routed=(skills, replace(api, colors=names))))
    return world


async def test_serving_container_is_protected_by_its_color(renamed: World) -> None:
    (serving,) = await renamed.ports.engine.find("api-blue")
    with pytest.raises(StillServes, match="api-blue"):
        await renamed.ports.engine.stop(serving.id, 1)
    renamed.engine.by_hand(stop=["skills-blue"])
    await renamed.ports.engine.prune([sha_of("v1.1.0")])
    assert await renamed.engine.missing(sha_of("v1.0.0"), ["api-blue"]) == []


async def test_adopted_container_is_protected_by_its_release(world: World) -> None:
    """It has no label with its color, and the stack file has other names now."""
    stamp = Stamp("v1.0.0", sha_of("v1.0.0"), "r-v1.0.0")
    (serving,) = await world.engine.find("api-blue")
    await world.engine.adopt(stamp, Color.BLUE, [serving, *await world.engine.find("skills-blue")])
    skills, api = world.stack.routed
    world.restack(replace(world.stack, routed=(skills, replace(api, colors={c: f"app-{c}" for c in Color}))))
    with pytest.raises(StillServes, match="api-blue"):
        await protecting(world.engine, world.route, world.stack).stop(serving.id, 1)


async def test_everything_else_is_passed_on(world: World) -> None:
    (bot,) = await world.ports.engine.find("bot")
    assert (await world.ports.engine.stop(bot.id, 1)).gone
    (blue,) = await world.ports.engine.find("api-blue")
    await world.ports.route.flip(Color.GREEN, "r-1")
    assert (await world.ports.engine.stop(blue.id, 1)).gone
    await world.ports.engine.remove(blue.id)
    assert (await world.ports.engine.inspect(blue.id)).state == "removed"
