"""What a rollback would bring back."""

import asyncio
from dataclasses import replace

import pytest

from app.api.rollback_plan import RollbackPlan
from app.cli.views.rollback_plan import rollback_plan_lines
from app.domain.errors import AlreadyLive, GitFailed, ReleaseNotKept
from tests.examples import a_release, sha_of
from tests.fakes.world import World
from workers.inspect.rollback_plan import rollback_plan


async def two_releases() -> World:
    """v1.1.0 is live, v1.0.0 is kept."""
    world = World()
    await world.live("v1.0.0")
    world.inbox.put(a_release("v1.1.0"))
    await world.worker().reconcile()
    return world


async def test_kept_release_and_what_it_would_not_get() -> None:
    world = await two_releases()
    world.engine.changed = {"bot": ("DB_PASSWORD", "NEW")}
    before = (world.state, list(world.effects))
    planned = (await rollback_plan(world.stack, world.ports, None)).as_json()
    assert (planned["tag"], planned["sha"], planned["current"]["tag"]) == ("v1.0.0", sha_of("v1.0.0"), "v1.1.0")
    assert planned["changed_values"] == [{"service": "bot", "names": ["DB_PASSWORD", "NEW"]}]
    assert (planned["changed_unknown"], planned["would_start"], planned["target_color"]) == (None, True, "blue")
    assert (world.state, list(world.effects)) == before, "nothing was changed"


async def test_only_a_kept_release_has_a_plan() -> None:
    world = await two_releases()
    with pytest.raises(ReleaseNotKept):
        await rollback_plan(world.stack, world.ports, "f" * 40)
    with pytest.raises(AlreadyLive):
        await rollback_plan(world.stack, world.ports, sha_of("v1.1.0"))


async def test_what_is_unknown_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await two_releases()

    async def away(_: str) -> None:
        raise GitFailed("its mirror is gone")

    monkeypatch.setattr(world.source, "checkout", away)
    planned = await rollback_plan(world.stack, world.ports, None)
    assert "its mirror is gone" in str(planned.changed_unknown)
    assert planned.would_start, "a rollback needs no checkout"


async def test_what_blocks_a_rollback_is_said() -> None:
    world = await two_releases()
    world.engine.one_ways = {"v1.1.0"}
    world.engine.images = {image for image in world.engine.images if image[1] != sha_of("v1.0.0")}
    planned = await rollback_plan(world.stack, world.ports, None)
    assert not planned.would_start
    assert any("is missing" in text for text in planned.blocked_by)
    assert any("updater.rollback: never" in text for text in planned.blocked_by)


async def test_adopted_release_has_only_its_own_values() -> None:
    world = await two_releases()
    previous = world.state.previous
    assert previous is not None
    await world.journal.update(lambda state: replace(state, previous=replace(previous, adopted=True)))
    planned = await rollback_plan(world.stack, world.ports, None)
    assert "ran before the updater did" in str(planned.changed_unknown)


async def test_plan_during_a_rollout_claims_nothing_of_values() -> None:
    world = await two_releases()
    world.inbox.put(a_release("v1.2.0"))
    rolling = asyncio.create_task(world.worker().reconcile())
    while not (world.state.rollout and world.state.rollout.running_step):
        await world.clock.sleep(0.1)
    world.engine.changed = {"bot": ("DB_PASSWORD",)}
    plan = await rollback_plan(world.stack, world.ports, None)
    await rolling
    assert plan.blocked_by
    assert plan.changed_unknown == "a rollout is in progress, and only one may use the release's files at a time"
    assert any("is not known" in line for line in rollback_plan_lines(plan))


def test_what_the_kept_release_lacks_is_said_first() -> None:
    plan = RollbackPlan(tag="v1.0.0", sha=sha_of("v1.0.0"), target_color="blue", lacks=("mail", "cron"))
    assert "v1.0.0 lacks mail, cron: while it is live, they have no route, and their containers stop." in list(
        rollback_plan_lines(plan)
    )
