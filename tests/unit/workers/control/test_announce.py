"""Each event is announced once, even if the worker is killed at any moment."""

import pytest

from app.domain.errors import Superseded
from app.domain.findings import Alarm
from app.domain.notices.book import QUIET
from app.domain.notices.notice import Kind
from app.domain.required_checks import RequiredChecks
from app.domain.rollout import RolloutStatus
from app.domain.stack import Policy
from tests.examples import NOW, a_release, a_rollout, a_stack
from tests.fakes.world import World
from tests.unit.workers.rollout.test_recovery import (
    killed_at_each_moment,
    start_again,
)
from workers.control.announce import Announced
from workers.control.operator import Operator

DOWN = Alarm("live_color_down", "api-blue does not run")


def announcements(world: World) -> list[str]:
    return [f"{notice.kind} {notice.title.partition(': ')[2]}" for notice in world.notifier.notices]


def announced(world: World) -> Announced:
    return Announced(world.publisher, world.notifier, "shop")


async def test_announcements_cover_accepted_and_live(world: World) -> None:
    world.inbox.put(a_release())
    await world.worker().reconcile()
    assert announcements(world) == ["accepted v1.1.0 was accepted", "live v1.1.0 is live"]


async def test_rollback_and_pause_are_one_message(world: World) -> None:
    world.engine.behave("api", "v1.1.0", dies_after=6)
    world.inbox.put(a_release())
    worker = world.worker()
    await worker.reconcile()
    await start_again(world)
    await Operator(world.ports, worker).unpause()
    assert announcements(world)[1:] == [
        "rolled_back v1.1.0 was rolled back; releases are paused",
        "resumed releases go live again",
    ]
    assert "Publish a release that fixes it" in world.notifier.notices[1].text


async def test_failure_without_a_pause_is_announced(world: World) -> None:
    world.engine.behave("api", "v1.1.0", status=500)
    world.inbox.put(a_release())
    await world.worker(pause_on_failure=False).reconcile()
    assert announcements(world)[1:] == ["failed v1.1.0 did not go live"]


async def test_superseded_release_is_announced(world: World) -> None:
    world.inbox.put(a_release("v1.1.0"), a_release("v1.2.0", after=1))
    await world.worker().reconcile()
    assert "dropped v1.1.0 will not go live" in announcements(world)
    assert announcements(world)[-1] == "live v1.2.0 is live"


async def test_manual_pause_is_announced_once_each_time(world: World) -> None:
    worker = world.worker()
    operator = Operator(world.ports, worker)
    for _ in range(2):
        await operator.pause("moving the database")
        await world.clock.sleep(1)
        await start_again(world)
        await operator.unpause()
        await world.clock.sleep(1)
    assert announcements(world) == ["paused releases are paused", "resumed releases go live again"] * 2


async def test_held_release_is_announced_per_reason(world: World) -> None:
    await world.journal.update(lambda s: s.pause("why"))
    world.inbox.put(a_release())
    for _ in range(3):
        await start_again(world)
    assert announcements(world) == ["paused releases are paused", "accepted v1.1.0 was accepted", "held v1.1.0 is held"]


async def test_manual_mode_notice_names_the_command(world: World) -> None:
    world.inbox.put(a_release())
    await world.worker(enabled=False).reconcile()
    assert announcements(world)[1:] == ["held v1.1.0 is held"]
    assert "`updater deploy v1.1.0`" in world.notifier.notices[1].text


async def test_release_that_waits_for_checks_is_not_announced_as_held() -> None:
    world = World(a_stack(policy=Policy(require_checks=RequiredChecks())))
    world.inbox.put(a_release())
    await world.worker().reconcile()
    assert announcements(world) == ["accepted v1.1.0 was accepted"]
    assert [event["reason"] for kind, event in world.publisher.events if kind == "release.held"] == ["checks"]


async def test_alarm_is_announced_once_until_a_return(world: World) -> None:
    for _ in range(3):
        announced(world).alarms([DOWN])
        await world.clock.sleep(QUIET.total_seconds())
    assert announcements(world) == ["alarm live color down"]
    announced(world).alarms([])
    announced(world).alarms([DOWN])
    assert announcements(world) == ["alarm live color down"] * 2


async def test_flapping_alarm_is_announced_once(world: World) -> None:
    for _ in range(100):
        announced(world).alarms([DOWN])
        announced(world).alarms([])
        await world.clock.sleep(2)
    assert announcements(world) == ["alarm live color down"]


async def test_repeated_finish_is_announced_once(world: World) -> None:
    ended = a_rollout().roll_back(Superseded("v1.2.0"), "v1.2.0").finish(RolloutStatus.SUPERSEDED, NOW)
    for _ in range(2):
        announced(world).keep(ended, world.state)
    assert announcements(world) == ["dropped v1.1.0 was dropped"]


@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
async def test_kill_at_any_moment_announces_once(bad: bool) -> None:
    async for moment, world in killed_at_each_moment(bad):
        kinds = [notice.kind for notice in world.notifier.notices]
        outcomes = {Kind.LIVE, Kind.ROLLED_BACK, Kind.FAILED, Kind.DROPPED}
        assert len([kind for kind in kinds if kind in outcomes]) == 1, f"killed at moment {moment}: {kinds}"
        assert kinds.count(Kind.ACCEPTED) == 1, f"killed at moment {moment}: {kinds}"
        assert Kind.PAUSED not in kinds
        assert Kind.RESUMED not in kinds
