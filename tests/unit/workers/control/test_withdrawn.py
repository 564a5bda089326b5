"""A release that is withdrawn on GitHub never goes live; a live one stays, with an alarm."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.acceptance.policy import ReleaseEvent
from app.domain.acceptance.withdrawn import live_alarm, withdraw
from app.domain.errors import NotWaiting
from app.domain.release import Release, Trigger
from app.domain.rollout import RolloutStatus
from app.domain.stack import Color, Policy
from app.domain.state import State
from app.domain.withdrawal import DELETED, UNPUBLISHED, Withdrawal
from tests.examples import NOW, a_live, a_release, a_stack
from tests.fakes.world import World
from tests.unit.workers.control.holding import AT_FIVE, ended
from tests.unit.workers.rollout.test_recovery import start_again
from workers.control.operator import Operator
from workers.control.reconcile import Reconciler
from workers.watchdogs.withdrawn_releases import WithdrawnReleases

WAITING = a_release("v1.1.0", key="1:7", published_at=NOW)


def taken_back(action: str = DELETED, release: Release = WAITING) -> Withdrawal:
    repository_id, release_id = map(int, release.key.split(":"))
    event = ReleaseEvent(action, "octo/shop", repository_id, release_id, release.tag, draft=False, prerelease=False)
    return Withdrawal.of(event, NOW, release.published_at)


async def waiting(world: World, **options: bool) -> Reconciler:
    world.inbox.put(WAITING)
    worker = world.worker(**options)
    await worker.reconcile()
    return worker


def reasons(world: World) -> dict[str, str]:
    return dict(world.publisher.never)


@pytest.mark.parametrize("action", [DELETED, UNPUBLISHED])
@pytest.mark.parametrize("held", ["approval", "approved", "window", "automatic", "paused"])
async def test_withdrawn_release_never_goes_live(action: str, held: str) -> None:
    world = World(a_stack(policy=Policy(windows=(AT_FIVE,) if held in {"window", "approved"} else ())))
    await world.live("v1.0.0")
    await world.journal.update(lambda s: replace(s, paused=held == "paused"))
    world.inbox.put(WAITING)
    worker = world.worker(approval=held in {"approval", "approved"}, enabled=held != "automatic")
    await worker.reconcile()
    if held == "approved":
        await Operator(world.ports, worker).approve("v1.1.0")
    assert [r.key for r in world.state.accepted] == ["1:7"]
    world.inbox.take_back(taken_back(action))
    await worker.reconcile()
    await Operator(world.ports, worker).unpause()
    await world.clock.sleep(4 * 3600)
    await worker.reconcile()
    await start_again(world)
    assert (ended(world), world.effects, world.state.accepted) == ([], [], ())
    assert "`updater deploy v1.1.0`" in reasons(world)["v1.1.0"]
    assert [entry.result for entry in await world.publisher.history()] == ["withdrawn"]


async def test_withdrawn_release_cannot_be_approved(world: World) -> None:
    worker = await waiting(world, approval=True)
    world.inbox.take_back(taken_back())
    with pytest.raises(NotWaiting):
        await Operator(world.ports, worker).approve("v1.1.0")


async def test_delete_before_the_release_is_taken_in(world: World) -> None:
    world.inbox.put(WAITING)
    world.inbox.take_back(taken_back())
    await world.worker().reconcile()
    assert (ended(world), list(reasons(world))) == ([], ["v1.1.0"])


async def test_late_release_is_not_accepted(world: World) -> None:
    world.inbox.take_back(taken_back())
    await world.worker().reconcile()
    known = await world.inbox.accept(WAITING)
    assert known is not None
    assert (known.rollout_id, world.inbox.untaken) == ("withdrawn", [])


async def test_late_release_in_the_journal_never_goes_live(world: World) -> None:
    """GitHub's list was read before it was deleted, and Redis is unavailable."""
    worker = world.worker()
    world.inbox.take_back(taken_back())
    await worker.reconcile()
    await world.journal.update(lambda s: s.accept(WAITING))
    await worker.reconcile()
    assert (ended(world), list(reasons(world))) == ([], ["v1.1.0"])


async def test_release_published_again_goes_live(world: World) -> None:
    worker = await waiting(world, approval=True)
    world.inbox.take_back(taken_back(UNPUBLISHED))
    await worker.reconcile()
    again = replace(WAITING, rollout_id="r-again", published_at=NOW + timedelta(seconds=1))
    for _ in range(2):
        assert await world.inbox.accept(again) in {None, again}
        await world.worker().reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]
    assert live_alarm(world.state) is None


async def published_again_unseen(world: World, after: timedelta = timedelta(seconds=1)) -> None:
    """The author sets the release back to a draft and publishes it again before the worker looks."""
    again = replace(WAITING, rollout_id="r-again", published_at=NOW + after)
    world.inbox.take_back(taken_back(UNPUBLISHED))
    assert await world.inbox.accept(again) is None


async def test_publication_replaces_the_one_that_waits(world: World) -> None:
    """The approval was for the one before."""
    worker = await waiting(world, approval=True)
    await Operator(world.ports, worker).approve("v1.1.0")
    await published_again_unseen(world)
    await worker.take_in()
    assert [(r.rollout_id, r.approved) for r in world.state.accepted] == [("r-again", False)]
    assert [(e.rollout_id, e.result) for e in await world.publisher.history()] == [("r-v1.1.0", "withdrawn")]


async def test_publication_follows_the_one_that_rolls_out(world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=60)
    worker, task = await rolling(world, "start api-green")
    await published_again_unseen(world)
    world.engine.behave("api", "v1.1.0")
    await worker.reconcile()
    await task
    assert ended(world) == [("v1.1.0", RolloutStatus.WITHDRAWN), ("v1.1.0", RolloutStatus.SUCCESS)]
    assert [e.rollout_id for e in await world.publisher.history()] == ["r-again", "r-v1.1.0"]


async def test_new_release_of_a_deleted_tag_goes_live(world: World) -> None:
    worker = await waiting(world, approval=True)
    world.inbox.take_back(taken_back())
    await worker.reconcile()
    world.inbox.put(a_release("v1.1.0", key="1:8", published_at=NOW))
    await world.worker().reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]
    assert live_alarm(world.state) is None


async def test_tag_deployed_by_hand_is_not_withdrawn(world: World) -> None:
    worker = await waiting(world, approval=True)
    world.inbox.take_back(taken_back())
    world.inbox.put(a_release("v1.1.0", key="manual:r-1", trigger=Trigger.MANUAL))
    await worker.reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]


async def rolling(world: World, effect: str) -> tuple[Reconciler, "asyncio.Task[None]"]:
    """A rollout of the release that has had this effect."""
    world.inbox.put(WAITING)
    worker = world.worker()
    task = asyncio.create_task(worker.reconcile())
    while not any(e.startswith(effect) for e in world.effects):
        await world.clock.sleep(0.01)
    return worker, task


async def test_withdrawn_in_its_rollout_never_flips(world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=60)
    worker, task = await rolling(world, "start api-green")
    world.inbox.take_back(taken_back())
    await worker.reconcile()
    await task
    assert ended(world) == [("v1.1.0", RolloutStatus.WITHDRAWN)]
    (rollout, state), *_ = world.publisher.results
    assert (rollout.reason_code, state.paused, world.route.served()[0]) == ("withdrawn", False, Color.BLUE)
    assert world.engine.running("api-green") == []


async def test_withdrawn_without_a_nudge_never_flips(world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=5)
    _, task = await rolling(world, "start api-green")
    world.inbox.take_back(taken_back())
    await task
    assert (ended(world), world.route.served()[0]) == ([("v1.1.0", RolloutStatus.WITHDRAWN)], Color.BLUE)


async def test_withdrawn_rollout_ends_also_after_a_kill(world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=60)
    _, task = await rolling(world, "start api-green")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    world.inbox.take_back(taken_back())
    await start_again(world)
    assert RolloutStatus.SUCCESS not in dict(ended(world)).values()
    assert (world.route.served()[0], list(reasons(world))) == (Color.BLUE, ["v1.1.0"])


async def test_withdrawn_after_the_flip_stays_live_with_an_alarm(world: World) -> None:
    worker, task = await rolling(world, "route green")
    world.inbox.take_back(taken_back())
    watch = WithdrawnReleases(world.ports, worker)
    await watch.look()
    (alarm,) = watch.alarms()
    await task
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]
    assert watch.alarms() == [alarm]
    assert (alarm.kind, "updater rollback" in alarm.text) == ("live_release_withdrawn", True)
    world.inbox.put(a_release("v1.2.0", after=1))
    await worker.reconcile()
    assert watch.alarms() == []


async def test_withdrawn_live_release_raises_only_an_alarm(world: World) -> None:
    world.inbox.put(WAITING)
    worker = world.worker()
    await worker.reconcile()
    before = list(world.effects)
    world.inbox.take_back(taken_back())
    watch = WithdrawnReleases(world.ports, worker)
    await watch.look()
    await worker.reconcile()
    assert [alarm.kind for alarm in watch.alarms()] == ["live_release_withdrawn"]
    assert (world.effects, world.state.paused, world.publisher.never) == (before, False, [])
    await start_again(world)
    assert live_alarm(world.state) is not None


def test_many_withdrawals_keep_the_live_alarm() -> None:
    live = State(current=replace(a_live("v1.1.0"), key="1:7", published_at=NOW))
    state = withdraw(live, taken_back())
    later = [Withdrawal(f"1:{n}", "v0.1.0", NOW + timedelta(hours=1), "deleted") for n in range(100, 300)]
    state = withdraw(state, *later)
    assert len(state.withdrawn) == 100
    assert live_alarm(state) is not None
    assert withdraw(state, *later, taken_back()) == state


@pytest.mark.parametrize("others", [0, 1], ids=["alone", "another one is tried again"])
async def test_pause_says_that_its_retry_was_withdrawn(others: int) -> None:
    """With `resume: transient`, the pause would have ended with a release that never begins."""
    world = World(a_stack())
    await world.live("v1.0.0")
    retry = replace(WAITING, retry_at=NOW + timedelta(minutes=10))
    kept = [a_release("v1.2.0", retry_at=retry.retry_at)][:others]
    await world.journal.update(lambda s: replace(s.pause("It is tried again."), accepted=(retry, *kept)))
    world.inbox.take_back(taken_back())
    await world.worker().take_in()
    assert world.state.paused
    ended = "v1.1.0 is not tried again (withdrawn): the pause stays until you unpause."
    assert world.state.pause_reason == ("It is tried again." if others else f"It is tried again. {ended}")
