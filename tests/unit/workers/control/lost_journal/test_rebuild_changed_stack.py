"""The journal is lost in a rollout that renamed or added a singleton or follower: one release's copies stay."""

from dataclasses import replace

import pytest

from app.domain.stack import Follower, Singleton, Stack
from tests.fakes.fuse import Crash
from tests.fakes.world import World
from tests.unit.workers.rollout.test_changed_stack import BEFORE, roll_out, watched

OLD = replace(BEFORE, followers=(Follower("queue", "worker"),))
RENAMED = replace(BEFORE, singletons=(Singleton("bot", "discord"),), followers=(Follower("queue", "jobs"),))
ADDED = replace(
    OLD, singletons=(*OLD.singletons, Singleton("cron", "cron")), followers=(*OLD.followers, Follower("mail", "mail"))
)


AGAIN = replace(BEFORE, singletons=(Singleton("bot", "robot"),), followers=(Follower("queue", "tasks"),))


async def lost(after: Stack, moment: str, *, bad: bool, later: Stack | None = None) -> tuple[World, list[str]]:
    """v1.0.0 was live; the worker and its journal are lost at the `moment` in the rollout of v1.1.0. With what ran.

    `later`: what the stack file is until the worker starts again. The second value: the effects after which two bots
    ran.
    """
    world = World(OLD)
    await roll_out(world, "v1.0.0")
    world.restack(after)
    if bad:
        world.engine.behave("api", "v1.1.0", dies_after=6.5)  # in the bake
    look, both = world.engine.watcher, list[str]()

    def watcher(effect: str) -> None:
        look(effect)
        both.extend([effect] if {"bot", "discord"} <= world.engine.up() else [])
        if effect == moment:
            world.fuse.light(0)

    world.engine.watcher = watcher
    with pytest.raises(Crash):
        await roll_out(world, "v1.1.0")
    world.fuse.put_out()
    world.journal.lose(None)
    if later is not None:
        world.restack(later)
    await world.worker().start()
    return world, both


MOMENTS = {
    "renamed": (
        RENAMED,
        ["create discord v1.1.0", "stop bot v1.0.0", "start discord v1.1.0", "create jobs v1.1.0", "start jobs v1.1.0"],
        ["stop discord v1.1.0", "start bot v1.0.0", "start worker v1.0.0", "stop jobs v1.1.0"],
    ),
    "added": (
        ADDED,
        ["start cron v1.1.0", "stop worker v1.0.0", "start mail v1.1.0"],
        ["stop cron v1.1.0", "start worker v1.0.0", "stop mail v1.1.0"],
    ),
}


@pytest.mark.parametrize(
    ("change", "moment", "bad"),
    [
        (change, moment, bad)
        for change, (_, forward, back) in MOMENTS.items()
        for bad, moments in ((False, forward), (True, back))
        for moment in moments
    ],
)
async def test_only_the_copies_of_the_live_release_stay(change: str, moment: str, bad: bool) -> None:
    after = MOMENTS[change][0]
    world, both = await lost(after, moment, bad=bad)
    assert both == []
    assert world.state.current
    live = OLD if world.state.current.tag == "v1.0.0" else after
    gone = {*OLD.uncolored, *after.uncolored} - {*live.uncolored}
    assert world.engine.up() & gone == set()
    alarms = set(await watched(world))
    assert alarms <= {"singleton_gone", "cannot_roll_back"}
    if not {"bot", "discord"} & world.engine.up():  # it was stopped, maybe on purpose, and the old one not yet started
        assert "singleton_gone" in alarms
    for follower in live.followers:
        assert set(world.engine.running(follower.service)) == {world.state.current.tag}


async def test_copies_are_found_after_another_change_of_the_stack_file() -> None:
    """Only the containers of its color still say which release the lost rollout was of."""
    world, both = await lost(RENAMED, "start bot v1.0.0", bad=True, later=AGAIN)
    assert (both, world.state.current and world.state.current.tag, world.state.previous) == ([], "v1.0.0", None)
    assert world.engine.up() & {*RENAMED.uncolored, *AGAIN.uncolored} == set()
    assert {"bot", "worker"} <= world.engine.up()
