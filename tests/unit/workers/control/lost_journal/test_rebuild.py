"""The journal is lost: the worker finds the live release from the running containers and asks an operator."""

import asyncio
import contextlib
import itertools
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.errors import BuildFailed, FilesChanged, ReleaseNotKept, TooLate, UpdaterError, VariableMissing
from app.domain.release import Release, Trigger
from app.domain.rollout import RolloutStatus
from app.domain.stack import Color, Follower, Singleton
from app.domain.state import State
from app.domain.tags import TagOrder, TagRule
from app.domain.withdrawal import Withdrawal
from tests.examples import NOW, a_release, a_stack, held, sha_of
from tests.fakes.fuse import Crash
from tests.fakes.inbox import FakeInbox
from tests.fakes.world import World
from workers.control.jobs import Jobs
from workers.control.lost_journal.undecided import STALE_REPORTED
from workers.control.operator import Operator
from workers.control.reconcile import Reconciler
from workers.ports import Stamp
from workers.rollout.pipeline import ATTEMPTS

NEW = a_release("v1.1.0")
WAITING = a_release("v1.2.0", after=1)


async def go_live(world: World) -> None:
    world.inbox.put(NEW)
    await world.worker().reconcile()
    assert world.state.current is not None


@pytest.mark.parametrize("why", ["updater-state.json could not be read.", None])
async def test_live_and_previous_release_are_rebuilt(world: World, why: str | None) -> None:
    await go_live(world)
    world.journal.lose(why)
    await world.worker().start()
    state = world.state
    assert (state.active_color, state.last_good_tag, state.rollout) == (Color.GREEN, "v1.1.0", None)
    assert state.current is not None
    assert (state.current.tag, state.current.sha, state.current.rollout_id) == ("v1.1.0", sha_of("v1.1.0"), "r-v1.1.0")
    assert state.previous is not None
    assert state.previous.tag == "v1.0.0"
    assert state.paused
    for part in (why or "The state file is missing.", "v1.1.0 is live on green", "unpause"):
        assert part in str(state.pause_reason)
    assert world.outages == []


async def test_stopped_copies_are_counted_if_the_routers_say_what_serves(world: World) -> None:
    """Two colors run, and the route file cannot be read. The stopped copy is started again, so it counts."""
    world.engine.behave("api", "v1.1.0", copies=3)
    await go_live(world)
    world.engine.containers("api-green")[0].end()
    world.engine.by_hand(start=["skills-blue", "api-blue"], tag="v1.0.0")
    world.journal.lose(None)
    world.route.unreadable = True
    await world.worker().start()
    assert world.state.current is not None
    assert (world.state.current.tag, world.state.current.copies["api"]) == ("v1.1.0", 3)


async def test_copies_of_both_releases_are_counted(world: World) -> None:
    """Also one that does not run at the moment."""
    world.engine.behave("api", "v1.1.0", copies=3)
    world.engine.behave("api", "v1.2.0", copies=2)
    await go_live(world)
    world.inbox.put(WAITING)
    await world.worker().reconcile()
    world.engine.containers("api-blue")[0].end()
    world.journal.lose(None)
    await world.worker().start()
    current, previous = world.state.current, world.state.previous
    assert current is not None
    assert previous is not None
    assert (current.tag, current.copies) == ("v1.2.0", {"skills": 1, "api": 2})
    assert (previous.tag, previous.copies) == ("v1.1.0", {"skills": 1, "api": 3})


async def test_decided_release_is_not_accepted_again(world: World) -> None:
    await go_live(world)
    world.journal.lose(None)
    world.inbox.put(NEW)
    worker = world.worker()
    await worker.start()
    await worker.reconcile()
    assert (world.state.accepted, len(world.publisher.results)) == ((), 1)


async def test_rebuilt_epoch_refuses_a_sleeping_worker(world: World) -> None:
    await go_live(world)
    slept = world.state.epoch
    world.journal.lose("torn")
    await world.worker().start()
    assert world.state.epoch > slept + 1000


async def test_running_color_is_live_without_a_route(world: World) -> None:
    await go_live(world)
    await world.route.clear()
    world.journal.lose(None)
    await world.worker().start()
    assert (world.state.active_color, world.state.paused) == (Color.GREEN, True)


async def test_a_first_start_is_no_loss() -> None:
    world = World()
    await world.worker().start()
    assert (world.state.paused, world.state.active_color) == (False, None)


async def test_taken_release_shows_that_a_state_file_was_lost() -> None:
    """Nothing is live and there is no history, but Redis knows a release that a worker has taken."""
    world = World()
    world.inbox.put(NEW)
    await world.worker().take_in()
    world.journal.lose(None)
    await world.worker().start()
    assert (world.state.paused, [r.tag for r in world.state.accepted]) == (True, ["v1.1.0"])


async def test_loss_is_found_when_redis_returns() -> None:
    """At the start, only Redis could have said that a worker had written a state file."""
    world = World()
    world.inbox.put(NEW)
    await world.worker().take_in()
    world.journal.lose(None)
    world.inbox.away = True
    worker = world.worker()
    await worker.start()
    await worker.reconcile()
    assert not world.state.paused
    world.inbox.away = False
    await worker.reconcile()
    assert (world.state.paused, [r.tag for r in world.state.accepted]) == (True, ["v1.1.0"])
    assert "The state file is missing" in str(world.state.pause_reason)


async def test_first_start_without_redis_is_no_loss() -> None:
    world = World()
    world.inbox.put(NEW)
    world.inbox.away = True
    worker = world.worker()
    await worker.start()
    world.inbox.away = False
    await worker.reconcile()
    assert (world.state.paused, world.state.last_good_tag) == (False, "v1.1.0")


async def test_waiting_release_is_no_sign_of_a_loss() -> None:
    world = World()
    world.inbox.put(NEW)
    await world.worker().start()
    assert not world.state.paused


@pytest.mark.parametrize("call", [1, 2])
async def test_release_during_the_first_start_is_no_sign_of_a_loss(call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first release may be accepted before or after each question that the starting worker asks of Redis."""
    world, asked, ping = World(), itertools.count(1), FakeInbox.ping

    async def accept_at_call(inbox: FakeInbox) -> None:
        if next(asked) == call:
            world.inbox.put(NEW)
        await ping(inbox)

    monkeypatch.setattr(FakeInbox, "ping", accept_at_call)
    await world.worker().start()
    assert (world.state.paused, next(asked) > call) == (False, True)


async def test_unreadable_file_pauses_an_empty_host() -> None:
    world = World()
    world.journal.lose("updater-state.json could not be read.")
    await world.worker().start()
    assert "No release of the updater is live" in str(world.state.pause_reason)


async def test_previous_copy_is_used_and_pauses(world: World) -> None:
    world.journal.lost = "The updater used the previous copy."
    await world.worker().start()
    assert (world.state.paused, world.state.current and world.state.current.tag) == (True, "v1.0.0")


async def test_lost_pause_is_set_again(world: World) -> None:
    await world.journal.update(lambda s: s.pause("fix it"))
    world.journal.lose(None)
    world.inbox.put(NEW)
    worker = world.worker()
    await worker.start()
    await worker.reconcile()
    assert (world.publisher.results, [r.tag for r in world.state.accepted]) == ([], ["v1.1.0"])
    assert isinstance(world.state, State)


async def test_lost_rollout_restarts_after_unpause(
    world: World,
) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=5)
    world.inbox.put(NEW)
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    while "start api-green v1.1.0" not in world.effects:
        await world.clock.sleep(0.1)
    rolling.cancel()
    await asyncio.gather(rolling, return_exceptions=True)
    world.journal.lose(None)
    worker = world.worker()
    await worker.start()
    assert ([r.tag for r in world.state.accepted], world.state.paused) == (["v1.1.0"], True)
    assert world.engine.running("api-green") == [], "the idle color of the lost rollout no longer runs"
    await Operator(world.ports, worker).unpause()
    await worker.reconcile()
    assert world.state.current is not None
    assert (world.state.current.tag, world.outages) == ("v1.1.0", [])


async def lose_what_waits(world: World, *waiting: Release) -> None:
    """v1.1.0 is live, and a worker has taken `waiting` out of the ledger; then the state file is lost."""
    await go_live(world)
    world.inbox.put(*waiting)
    await world.inbox.taken(waiting)
    world.journal.lose(None)


async def test_older_accepted_release_does_not_return(world: World) -> None:
    await lose_what_waits(world, a_release("v0.9.0"))
    await world.worker().start()
    assert world.state.accepted == ()


async def test_older_release_that_was_lost_has_an_end(world: World) -> None:
    """Its worker was killed before it decided it. Without an end, it could never be found again."""
    await lose_what_waits(world, a_release("v0.9.0"))
    await world.worker().start()
    ends = {entry.tag: (entry.result, entry.error) for entry in world.publisher.entries}
    assert ends["v0.9.0"] == ("superseded", "the live v1.1.0 is newer")
    assert ends["v1.1.0"][0] == "success"


@pytest.mark.parametrize("when", ["before the loss", "before the ledger is read"])
async def test_withdrawn_release_that_was_lost_has_an_end(world: World, when: str) -> None:
    """The worker that took it over lost it; its withdrawal says that it never goes live."""
    taken_back = Withdrawal(WAITING.key, WAITING.tag, NOW, "it was deleted")
    await go_live(world)
    world.inbox.put(WAITING)
    await world.inbox.taken([WAITING])
    if when == "before the loss":
        world.inbox.take_back(taken_back)
    world.journal.lose(None)
    worker = world.worker()
    world.inbox.away = when != "before the loss"
    await worker.start()
    world.inbox.away = False
    if when != "before the loss":
        world.inbox.take_back(taken_back)
    await worker.reconcile()
    ends = {entry.tag: (entry.result, entry.reason_code) for entry in world.publisher.entries}
    assert ends[WAITING.tag][1] == "withdrawn"
    assert world.state.accepted == ()


async def test_only_the_last_older_releases_end_after_a_loss(world: World) -> None:
    """The ledger knows releases whose records are long gone."""
    many = [a_release(f"v0.{number}.0", key=f"1:{number}") for number in range(STALE_REPORTED + 20)]
    await lose_what_waits(world, *many)
    await world.worker().start()
    ended = [entry.tag for entry in world.publisher.entries if entry.result == "superseded"]
    assert sorted(ended) == sorted(release.tag for release in many[-STALE_REPORTED:])


async def test_a_rebuild_does_not_need_redis(world: World) -> None:
    await go_live(world)
    world.journal.lose(None)
    world.inbox.away = True
    await world.worker().start()
    assert (world.state.paused, world.state.last_good_tag) == (True, "v1.1.0")


async def test_lost_release_is_accepted_when_redis_returns(world: World) -> None:
    """Also by the worker after the next."""
    await lose_what_waits(world, WAITING)
    world.inbox.away = True
    await world.worker().start()
    worker = world.worker()
    await worker.start()
    await worker.reconcile()
    assert not world.state.accepted
    world.inbox.away = False
    await worker.reconcile()
    assert (world.state.accepted, world.state.paused) == ((held(WAITING),), True)


@pytest.mark.parametrize(("day", "accepted"), [(1, []), (3, ["nightly"])])
async def test_lost_release_is_compared_by_its_date(day: int, accepted: list[str]) -> None:
    """The containers do not say when the live release was published; the record in Redis does."""
    world = World(a_stack(tags=TagRule("*", TagOrder.PUBLISHED)))
    await world.live("v1.0.0")
    world.inbox.put(live := replace(NEW, published_at=NOW + timedelta(days=2)))
    await world.worker().reconcile()
    world.inbox.put(other := a_release("nightly", published_at=NOW + timedelta(days=day)))
    await world.inbox.taken([other])
    world.journal.lose(None)
    await world.worker().start()
    assert [release.tag for release in world.state.accepted] == accepted
    assert world.state.current is not None
    assert (world.state.current.tag, world.state.current.published_at) == ("v1.1.0", live.published_at)


async def test_foreign_state_file_keeps_its_pause_reason(world: World) -> None:
    """The containers are the updater's, but the old sidecar ran in between."""
    await go_live(world)
    world.journal._state = State(last_good_tag="v1.0.0", paused=True, pause_reason="the disk is full")
    await world.worker().start()
    reason = str(world.state.pause_reason)
    assert (world.state.current and world.state.current.tag) == "v1.1.0"
    assert "Another updater wrote the state file. According to its containers, v1.1.0 is live" in reason
    assert "Releases were already paused: the disk is full" in reason


async def killed_at(world: World, moment: str) -> None:
    """Rolls v1.1.0 out until that effect or step, and kills the worker."""
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    while moment not in {*world.effects, world.state.rollout and world.state.rollout.running_step}:
        assert not rolling.done(), f"the rollout ended before {moment}"
        await world.clock.sleep(0.05)
    rolling.cancel()
    await asyncio.gather(rolling, return_exceptions=True)


@pytest.mark.parametrize("why", ["updater-state.json could not be read.", None])
async def test_color_without_a_route_does_not_become_live(why: str | None) -> None:
    """The first release was on its way when the state file was lost: nothing of it is proven."""
    world = World()
    world.inbox.put(a_release("v1.0.0"))
    await killed_at(world, "start api-blue v1.0.0")
    world.journal.lose(why)
    worker = world.worker()
    await worker.start()
    assert (world.state.current, world.state.last_good_tag) == (None, None)
    assert [world.engine.running(service) for service in ("skills-blue", "api-blue")] == [[], []]
    await Operator(world.ports, worker).unpause()
    await worker.reconcile()
    assert world.state.last_good_tag == "v1.0.0"


async def test_first_release_on_trial_keeps_its_traffic_unproven() -> None:
    world = World()
    world.inbox.put(a_release("v1.0.0"))
    await killed_at(world, "bake")
    world.journal.lose(None)
    await world.worker().start()
    state = world.state
    assert (state.active_color, state.current and state.current.tag, state.last_good_tag) == (
        Color.BLUE,
        "v1.0.0",
        None,
    )
    assert "it may have been on trial" in str(state.pause_reason)
    assert world.outages == []


async def test_release_on_trial_keeps_the_way_back(world: World) -> None:
    world.inbox.put(NEW)
    await worker_ends(world, "v1.1.0")
    world.inbox.put(WAITING)
    await killed_at(world, "bake")
    world.journal.lose(None)
    worker = world.worker()
    await worker.start()
    state = world.state
    assert state.current is not None
    assert state.previous is not None
    assert (state.current.tag, state.previous.tag, state.last_good_tag) == ("v1.2.0", "v1.1.0", "v1.1.0")
    assert world.engine.running("api-green") == ["v1.1.0"], "the release before it stays warm"
    await Operator(world.ports, worker).roll_back(None)
    await worker.reconcile()
    assert (world.state.current and world.state.current.tag, world.outages) == ("v1.1.0", [])


async def worker_ends(world: World, tag: str) -> None:
    await world.worker().reconcile()
    assert world.state.current is not None
    assert world.state.current.tag == tag


async def test_color_of_a_lost_rollout_drains_first(world: World) -> None:
    """The route has just moved to v1.1.0 when the state file is lost, and no history says that v1.0.0 was good."""
    world.inbox.put(NEW)
    await killed_at(world, "health_routed_skills")
    flipped = world.engine.at["route green"]
    world.journal.lose(None)
    await world.worker().start()
    assert world.engine.running("api-blue") == []
    assert world.engine.at["stop api-blue v1.0.0"] - flipped >= world.stack.times.drain
    assert world.outages == []


async def test_color_that_traefik_still_uses_is_not_stopped(world: World) -> None:
    """The route file was removed, but Traefik did not notice."""
    world.inbox.put(NEW)
    await killed_at(world, "bake")
    world.route.deaf = True
    world.route.overwrite(None)
    world.journal.lose(None)
    await world.worker().start()
    assert (world.engine.running("api-green"), world.outages) == (["v1.1.0"], [])


async def test_color_that_an_undo_led_back_to_is_not_stopped(world: World) -> None:
    """Traefik serves blue by the route of an undo, and did not notice the flip to green."""
    world.engine.behave("bot", "v1.1.0", check_passes=False)
    world.inbox.put(NEW)
    await world.worker().reconcile()
    assert world.state.paused
    world.route.deaf = True
    world.inbox.put(replace(WAITING, force=True))
    await killed_at(world, "route_switch")
    world.journal.lose(None)
    await world.worker().start()
    assert (world.engine.running("api-blue"), world.engine.running("api-green")) == (["v1.0.0"], ["v1.2.0"])


async def test_live_release_that_waits_after_a_loss_is_not_cancelled(world: World) -> None:
    """It was on trial, so it is accepted again. It has the traffic: `rollback` ends that."""
    world.inbox.put(NEW)
    await killed_at(world, "restart_bot")
    world.journal.lose(None)
    worker = world.worker()
    await worker.start()
    assert world.state.accepted != ()
    with pytest.raises(TooLate):
        await Operator(world.ports, worker).cancel(NEW.rollout_id)
    assert world.state.accepted != ()


async def test_lost_rollouts_release_is_published_if_live(world: World) -> None:
    """`docker compose up` by hand must not start the release before it."""
    world.inbox.put(NEW)
    await killed_at(world, "bake")
    assert world.engine.published is None
    world.journal.lose(None)
    await world.worker().start()
    assert world.engine.published == (sha_of("v1.1.0"), Color.GREEN)


async def test_torn_file_leaves_one_bot(world: World) -> None:
    """The lost write says that the old bot was about to be stopped, and the new one fails."""
    world.engine.behave("bot", "v1.1.0", check_passes=False)
    world.inbox.put(NEW)
    await killed_at(world, "stop bot v1.0.0")
    world.journal.tear()
    torn = world.state.rollout
    assert torn is not None
    assert torn.replaced == {"bot": ""}, "which one is lost"
    await world.worker().start()
    assert not world.state.rollout
    assert world.engine.running("bot") == ["v1.0.0"]


async def test_torn_file_brings_back_the_bot_after_a_later_failure(world: World) -> None:
    """The lost write says that the old bot was about to be stopped. The next worker's hand-over found none."""
    world.engine.behave("bot", "v1.1.0", dies_after=5, comes_back=True)
    world.inbox.put(NEW)
    await killed_at(world, "stop bot v1.0.0")
    world.journal.tear()
    await world.worker().start()
    assert world.state.current is not None
    assert (world.state.current.tag, world.engine.running("bot")) == ("v1.0.0", ["v1.0.0"])


async def test_failed_first_release_stays_paused_after_a_loss() -> None:
    """No container of it is left, but the history shows that this is not the first start."""
    world = World()
    world.engine.behave("api", "v1.0.0", status=500)
    world.inbox.put(a_release("v1.0.0"))
    await world.worker().reconcile()
    assert world.state.paused
    world.journal.lose(None)
    await world.worker().start()
    assert world.state.paused


async def test_failed_release_is_no_way_back(world: World) -> None:
    """Its stopped containers are on the idle color, but its images are gone."""
    world.engine.behave("bot", "v1.1.0", check_passes=False)
    world.inbox.put(NEW)
    await world.worker().reconcile()
    assert world.publisher.entries[-1].result == "rolled_back"
    world.journal.lose(None)
    await world.worker().start()
    assert (world.state.current and world.state.current.tag, world.state.previous) == ("v1.0.0", None)


@pytest.mark.parametrize("moment", ["start api-green v1.1.0", "health_skills", "rollback_stop"])
async def test_release_that_never_became_live_is_no_way_back(world: World, moment: str) -> None:
    """Its rollout was lost with the state file: the history does not know yet how it ended."""
    world.engine.behave("bot", "v1.1.0", check_passes=False)
    world.inbox.put(NEW)
    await killed_at(world, moment)
    world.journal.lose("both copies could not be read")
    worker = world.worker()
    await worker.start()
    assert (world.state.current and world.state.current.tag, world.state.previous) == ("v1.0.0", None)
    with pytest.raises(ReleaseNotKept, match="no release was live before"):
        await Operator(world.ports, worker).roll_back(None)


async def test_release_without_a_record_is_a_way_back(world: World) -> None:
    """Its history was lost too, or an early version wrote none: its containers are older than the live ones."""
    await go_live(world)
    world.publisher.entries.clear()
    world.journal.lose(None)
    await world.worker().start()
    assert [live and live.tag for live in (world.state.current, world.state.previous)] == ["v1.1.0", "v1.0.0"]


async def test_nudges_wait_for_the_rebuild(world: World) -> None:
    """Two, because the second one takes releases in while the first one waits for its turn."""
    world.journal.lose("updater-state.json could not be read.")
    world.inbox.put(NEW)
    worker = world.worker()
    jobs = Jobs(world.stack, world.ports, worker)
    nudges = [asyncio.create_task(jobs.nudge({})) for _ in range(2)]
    await world.clock.sleep(1)
    assert world.disk.file is None
    await worker.start()
    await asyncio.gather(*nudges)
    assert (world.state.paused, world.state.current and world.state.current.tag) == (True, "v1.0.0")
    assert [r.tag for r in world.state.accepted] == ["v1.1.0"]


async def test_live_release_without_a_definition_is_kept(world: World) -> None:
    world.journal.lose(None)
    await world.worker().start()
    assert (world.state.current and world.state.current.tag, world.engine.published) == ("v1.0.0", None)


async def test_interrupted_release_is_accepted_again(world: World) -> None:
    world.inbox.put(NEW)
    await killed_at(world, "start api-green v1.1.0")
    await world.worker().start()
    assert [r.attempts for r in world.state.accepted] == [1]
    world.journal.lose(None)
    worker = world.worker()
    await worker.start()
    assert [r.tag for r in world.state.accepted] == ["v1.1.0"]
    await Operator(world.ports, worker).unpause()
    await worker.reconcile()
    assert (world.state.last_good_tag, world.outages) == ("v1.1.0", [])


async def test_release_is_decided_after_its_last_attempt(world: World) -> None:
    """Rollouts paused with its failure. A lost state file does not make it wait again."""
    world.inbox.put(NEW)
    for _ in range(ATTEMPTS):
        await killed_at(world, "health_skills")
        await world.worker().start()
    assert ([r.tag for r in world.state.accepted], world.state.paused) == ([], True)
    world.journal.lose(None)
    await world.worker().start()
    assert ([r.tag for r in world.state.accepted], world.state.paused) == ([], True)


@pytest.mark.parametrize("by", ["operator", "bake"])
async def test_release_that_was_undone_is_not_accepted_again(world: World, by: str) -> None:
    """Both copies of the state file are lost while the failed color is being stopped."""
    if by == "bake":
        world.engine.behave("api", "v1.1.0", dies_after=5)
    world.inbox.put(NEW)
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    operator = Operator(world.ports, worker)
    while (step := world.state.rollout and world.state.rollout.running_step) != "rollback_stop":
        if step == "bake" and by == "operator":
            await operator.roll_back(None)
        await world.clock.sleep(0.01)
    rolling.cancel()
    await asyncio.gather(rolling, return_exceptions=True)
    world.journal.lose("both copies could not be read")
    worker = world.worker()
    await worker.start()
    assert (world.state.accepted, world.state.paused) == ((), True)
    await Operator(world.ports, worker).unpause()
    await worker.reconcile()
    assert (world.state.current and world.state.current.tag, world.outages) == ("v1.0.0", [])
    assert [(entry.tag, entry.result) for entry in world.publisher.entries][-1:] == [("v1.1.0", "rolled_back")]
    assert "`updater deploy v1.1.0`" in str(world.publisher.entries[-1].error)


@pytest.mark.parametrize(("moment", "result"), [("health_skills", "cancelled"), ("bake", "rolled_back")])
async def test_call_that_stopped_a_rollout_survives_a_loss(world: World, moment: str, result: str) -> None:
    """Both copies of the state file are lost right after the answer, before the rollout's end is recorded."""
    world.inbox.put(NEW)
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    operator = Operator(world.ports, worker)
    while (world.state.rollout and world.state.rollout.running_step) != moment:
        await world.clock.sleep(0.01)
    await (operator.cancel(NEW.rollout_id) if result == "cancelled" else operator.roll_back(None))
    rolling.cancel()
    await asyncio.gather(rolling, return_exceptions=True)
    world.journal.lose("both copies could not be read")
    worker = world.worker()
    await worker.start()
    assert (world.state.accepted, world.state.paused) == ((), True)
    assert [(entry.tag, entry.result) for entry in world.publisher.entries] == [("v1.1.0", result)]


async def test_end_of_a_rollout_replaces_the_call_that_stopped_it(world: World) -> None:
    world.inbox.put(NEW)
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    while (world.state.rollout and world.state.rollout.running_step) != "health_skills":
        await world.clock.sleep(0.01)
    await Operator(world.ports, worker).cancel(NEW.rollout_id)
    await rolling
    (entry,) = world.publisher.entries
    assert (entry.result, entry.reason_code, entry.sha) == ("failed", "cancelled", sha_of("v1.1.0"))


async def rebuilt_with(world: World, asked: Release) -> Reconciler:
    """The state file is lost after the worker took in the release that an operator asked for."""
    world.inbox.put(asked)
    await world.worker().take_in()
    world.journal.lose(None)
    worker = world.worker()
    await worker.start()
    return worker


async def test_waiting_manual_release_survives(world: World) -> None:
    """Also a forced one, but it waits for the unpause: what is live now may not be what the person saw."""
    asked = a_release("v1.2.0", key="manual:r-1", rollout_id="r-1", trigger=Trigger.MANUAL, force=True)
    worker = await rebuilt_with(world, asked)
    assert [(r.rollout_id, r.force) for r in world.state.accepted] == [("r-1", False)]
    await worker.reconcile()
    assert (world.publisher.never, world.effects) == ([], [])
    await Operator(world.ports, worker).unpause()
    await worker.reconcile()
    assert world.state.last_good_tag == "v1.2.0"


@pytest.mark.parametrize("tag", ["v0.9.0", "v1.0.0"])
async def test_release_that_needs_force_ends_with_what_to_run(world: World, tag: str) -> None:
    """An operator forced the older release, or the live one again. The pause would not hold it without force."""
    asked = a_release(tag, key="manual:r-1", rollout_id="r-1", trigger=Trigger.MANUAL, force=True)
    worker = await rebuilt_with(world, asked)
    assert world.state.accepted == ()
    ((never, why),) = world.publisher.never
    assert (never, "forced before the state file was lost" in why, f"`updater deploy {tag} --force`" in why) == (
        tag,
        True,
        True,
    )
    await Operator(world.ports, worker).unpause()
    await worker.reconcile()
    assert (world.effects, [e.result for e in world.publisher.entries]) == ([], ["superseded"])
    world.inbox.put(replace(asked, key="manual:r-2", rollout_id="r-2"))
    await worker.reconcile()
    assert world.state.last_good_tag == tag


async def test_service_that_is_down_refuses_the_adoption(world: World) -> None:
    """Also for a forced release: the containers that serve are not replaced."""
    await go_live(world)
    world.engine.by_hand(stop=["api-green"])
    world.journal.lose(None)
    worker = world.worker()
    await worker.start()
    before = list(world.effects)
    world.inbox.put(a_release("v1.2.0", force=True, after=1))
    await worker.reconcile()
    assert world.effects == before
    assert worker.refused is not None
    assert "api-green does not run" in str(worker.refused)
    assert world.engine.running("skills-green") == ["v1.1.0"]


async def started_after_a_torn_write(world: World, moment: int) -> Reconciler:
    """The worker is killed after that many moments of its rollout, and its last write is torn. Returns the next one."""
    world.fuse.light(moment)
    with contextlib.suppress(Crash):
        await world.worker().reconcile()
    await world.clock.sleep(1_000)
    world.fuse.put_out()
    world.journal.tear()
    worker = world.worker()
    await worker.start()
    return worker


@pytest.mark.parametrize("moment", range(0, 130, 2))
async def test_torn_file_stops_nothing_that_serves(moment: int) -> None:
    """The worker is killed, and its last write is torn: the journal is one step behind reality."""
    world = World()
    await world.live("v1.0.0")
    world.inbox.put(NEW)
    worker = await started_after_a_torn_write(world, moment)
    color = world.route.served()[0]
    assert color is not None
    assert all(world.engine.status(service.colors[color]) == 200 for service in world.stack.routed)
    await Operator(world.ports, worker).unpause()
    await worker.reconcile()
    assert world.state.current is not None
    assert (world.outages, len(world.engine.running("bot"))) == ([], 1)
    assert world.engine.running("api-" + str(world.route.served()[0])) == [world.state.current.tag]


@pytest.mark.parametrize("moment", range(0, 110, 2))
async def test_torn_file_leaves_a_first_release_complete(moment: int) -> None:
    """It goes live with its bot, or is not live at all."""
    world = World()
    world.inbox.put(a_release("v1.0.0"))
    worker = await started_after_a_torn_write(world, moment)
    await worker.reconcile()
    led = world.route.served()[0]
    assert world.state.rollout is None
    assert (world.state.current is not None, world.engine.running("bot")) == (bool(led), ["v1.0.0"] if led else [])


async def test_flip_whose_record_was_torn_goes_on(world: World) -> None:
    """The route file shows the flip that the journal's copy does not know."""
    world.inbox.put(NEW)
    await killed_at(world, "route green")
    world.journal.tear()
    torn = world.state.rollout
    assert torn is not None
    assert not torn.past_flip
    await world.worker().start()
    ended, _ = world.publisher.results[-1]
    assert (ended.id, ended.status) == (NEW.rollout_id, RolloutStatus.SUCCESS)
    assert (world.engine.running("bot"), world.outages) == (["v1.1.0"], [])


async def test_unproven_color_is_not_live_because_a_program_routes_to_it(world: World) -> None:
    """The lost rollout had started its color. Another program leads the route there while that color drains."""
    world.inbox.put(NEW)
    await killed_at(world, "start api-green v1.1.0")
    world.journal.lose("torn")
    starting = asyncio.create_task(world.worker().start())
    await world.clock.sleep(1)
    world.route.overwrite(Color.GREEN)
    await starting
    assert world.state.current is not None
    assert (world.state.current.tag, world.state.active_color) == ("v1.0.0", Color.BLUE)


async def test_bot_that_a_lost_rollout_stopped_is_started(world: World) -> None:
    """v1.1.0 was on trial: its rollout had stopped the old bot, and not yet started the new one."""
    world.inbox.put(NEW)
    await killed_at(world, "restart_bot")
    for bot in await world.engine.find("bot"):
        await world.engine.stop(bot.id, 1)
    world.journal.lose(None)
    await world.worker().start()
    assert world.engine.running("bot") == ["v1.1.0"]


async def test_bot_of_a_lost_rollout_is_that_of_its_last_attempt(world: World) -> None:
    """The stack file gave the bot another service between two attempts of v1.1.0, which is live unproven."""
    world.inbox.put(NEW)
    await killed_at(world, "start api-green v1.1.0")
    world.restack(replace(world.stack, singletons=(Singleton("bot", "discord"),)))
    await world.worker().start()
    await killed_at(world, "restart_bot")
    world.journal.lose(None)
    await world.worker().start()
    assert (world.engine.running("bot"), world.engine.running("discord")) == ([], ["v1.1.0"])


async def test_start_that_is_killed_leaves_the_bot_to_the_next_one() -> None:
    """The first worker that finds the loss is killed at every moment of its start; what it wrote is valid."""
    for moments in itertools.count():
        world = World()
        await world.live("v1.0.0")
        world.inbox.put(NEW)
        await killed_at(world, "restart_bot")
        for bot in await world.engine.find("bot"):
            await world.engine.stop(bot.id, 1)
        world.journal.lose(None)
        world.fuse.light(moments)
        with contextlib.suppress(Crash):
            await world.worker().start()
            break
        world.fuse.put_out()
        await world.worker().start()
        assert world.engine.running("bot") == ["v1.1.0"], f"killed after {moments} moments"
        assert not world.state.lost_rollout
    assert moments > 5


async def with_followers() -> World:
    world = World(a_stack(followers=(Follower("queue", "worker"),)))
    for tag in ("v1.0.0", "v1.1.0"):
        world.engine.behave("worker", tag, copies=3)
    await world.live("v1.0.0")
    await world.engine.define(Path("/trees", sha_of("v1.0.0")), Stamp("v1.0.0", sha_of("v1.0.0"), "r-v1.0.0"))
    return world


@pytest.mark.parametrize(
    "moment", ["follow_queue", "bake", "create worker v1.1.0", "stop worker v1.0.0", "rollback_stop"]
)
async def test_lost_rollout_leaves_the_followers_of_one_release(moment: str) -> None:
    """Its record is lost when copies of both releases may run."""
    world = await with_followers()
    if moment == "rollback_stop":
        world.engine.behave("api", "v1.1.0", dies_after=6.5)
    world.inbox.put(NEW)
    await killed_at(world, moment)
    world.journal.lose("torn")
    await world.worker().start()
    assert world.state.current is not None
    assert world.engine.running("worker") == [world.state.current.tag] * 3


async def test_torn_file_brings_back_copies_that_still_stop() -> None:
    """The lost write says that the old copies were about to be stopped, and the new color fails meanwhile."""
    world = await with_followers()
    for copy in world.engine.containers("worker"):
        copy.behaviour = replace(copy.behaviour, stop_seconds=100, stop_grace=200)
    world.inbox.put(NEW)
    await killed_at(world, "ask to stop worker v1.0.0")
    world.journal.tear()
    for copy in world.engine.containers("api-green"):
        copy.end()
    await world.worker().start()
    await world.clock.sleep(200)
    assert world.state.current is not None
    assert (world.state.current.tag, world.engine.running("worker")) == ("v1.0.0", ["v1.0.0"] * 3)


@pytest.mark.parametrize("service", ["worker", "bot"])
@pytest.mark.parametrize("error", [BuildFailed, VariableMissing, FilesChanged])
async def test_worker_starts_although_nothing_can_be_created(service: str, error: type[UpdaterError]) -> None:
    """What runs stays. An operator has removed the image's name, or a variable, since."""
    world = await with_followers()
    world.inbox.put(NEW)
    await killed_at(world, f"stop {service} v1.0.0")
    world.journal.lose("torn")
    world.engine.refused[service] = error
    world.engine.untagged |= {("worker", sha_of(tag)) for tag in ("v1.0.0", "v1.1.0")}
    await world.worker().start()
    assert world.state.paused
    assert world.engine.running("worker") != []


async def test_followers_of_a_proven_release_stay_stopped() -> None:
    world = await with_followers()
    await go_live(world)
    for copy in await world.engine.find("worker"):
        await world.engine.stop(copy.id, 1)
    world.journal.lose("torn")
    await world.worker().start()
    assert world.engine.running("worker") == []


async def test_bot_of_a_proven_release_stays_stopped(world: World) -> None:
    """An operator may have stopped it."""
    await go_live(world)
    for bot in await world.engine.find("bot"):
        await world.engine.stop(bot.id, 1)
    world.journal.lose(None)
    await world.worker().start()
    assert world.engine.running("bot") == []
