"""A step that fails for a transient reason is tried again. What the release did wrong is not."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.api.status import PublishedStatus
from app.domain.release import Trigger
from app.domain.rollout import Retry, Rollout, RolloutStatus
from app.domain.step import StepId, StepKind
from tests.examples import NOW, a_release, a_stack
from tests.fakes.world import World
from workers.control.operator import Operator
from workers.rollout.pipeline import step_ids

NEW = a_release("v1.1.0")
FETCH, BUILD = StepId(StepKind.FETCH), StepId(StepKind.BUILD)
AT_ONCE = 1.0

Trouble = Callable[[World, bool], None]


def git_is_away(world: World, there: bool) -> None:
    world.source.away = there


def git_hangs(world: World, there: bool) -> None:
    world.source.hang() if there else world.source.go_on()


def tag_is_missing(world: World, there: bool) -> None:
    world.source.tags = {t: sha for t, sha in world.source.tags.items() if not there or t != "v1.1.0"} | (
        {} if there else {"v1.1.0": World().source.tags["v1.1.0"]}
    )


def network_is_away(world: World, there: bool) -> None:
    world.engine.network_away = there


def last(world: World) -> Rollout:
    return world.publisher.results[-1][0]


async def until_retried(world: World, attempt: int = 2) -> Retry:
    while True:
        retry = world.state.rollout.retry if world.state.rollout else None
        if retry is not None and retry.attempt >= attempt:
            return retry
        assert world.publisher.results == [], "the rollout ended without another attempt"
        await world.clock.sleep(0.05)


@pytest.mark.parametrize("trouble", [git_is_away, git_hangs, tag_is_missing, network_is_away])
async def test_passing_trouble_delays_the_release(world: World, trouble: Trouble) -> None:
    trouble(world, True)
    world.inbox.put(NEW)
    rolling = asyncio.create_task(world.worker().reconcile())
    await until_retried(world, 3)
    trouble(world, False)
    await rolling
    assert (last(world).status, last(world).warnings, world.state.paused) == (RolloutStatus.SUCCESS, (), False)
    assert (len(world.publisher.results), world.outages) == (1, [])


@pytest.mark.parametrize(("trouble", "step"), [(git_is_away, FETCH), (network_is_away, BUILD)])
async def test_lasting_trouble_fails_after_the_limit(world: World, trouble: Trouble, step: StepId) -> None:
    trouble(world, True)
    world.inbox.put(NEW)
    began = world.clock.monotonic()
    await world.worker().reconcile()
    assert world.stack.times.retry <= world.clock.monotonic() - began < world.stack.times.retry + 30
    assert (last(world).status, last(world).failed_step) == (RolloutStatus.FAILED, step.name)
    assert "15 attempts in 600 s failed (times/retry)" in str(last(world).error)
    assert world.state.paused


@pytest.mark.parametrize(
    "spoil",
    [
        lambda world: world.source.moved.add("v1.1.0"),
        lambda world: world.source.unsigned.add("v1.1.0"),
        lambda world: world.engine.behave("api", "v1.1.0", builds=False),
        lambda world: world.engine.forbidden.update({"v1.1.0": "privileged"}),
    ],
)
async def test_fault_of_the_release_fails_at_once(world: World, spoil: Callable[[World], None]) -> None:
    spoil(world)
    world.inbox.put(NEW)
    began = world.clock.monotonic()
    await world.worker().reconcile()
    assert last(world).status is RolloutStatus.FAILED
    assert world.clock.monotonic() - began < AT_ONCE
    assert "attempts" not in str(last(world).error)


async def test_misspelled_tag_fails_at_once(world: World) -> None:
    tag_is_missing(world, True)
    world.inbox.put(a_release("v1.1.0", key="manual:r-1", rollout_id="r-1", trigger=Trigger.MANUAL))
    began = world.clock.monotonic()
    await world.worker().reconcile()
    assert last(world).reason_code == "tag_not_found"
    assert world.clock.monotonic() - began < AT_ONCE


async def test_zero_seconds_mean_no_second_attempt() -> None:
    world = World(replace(a_stack(), times=replace(a_stack().times, retry=0)))
    await world.live("v1.0.0")
    world.source.away = True
    world.inbox.put(NEW)
    began = world.clock.monotonic()
    await world.worker().reconcile()
    assert world.clock.monotonic() - began < AT_ONCE
    assert last(world).status is RolloutStatus.FAILED


async def test_status_says_when_the_next_attempt_begins(world: World) -> None:
    world.source.away = True
    world.inbox.put(NEW)
    rolling = asyncio.create_task(world.worker().reconcile())
    retry = await until_retried(world, 3)
    status = PublishedStatus.of(world.state, step_ids(world.stack)).rollout
    assert status is not None
    assert status.retry is not None
    assert (status.step, status.retry.attempt, status.retry.at) == ("git_fetch_tags", 3, retry.at.isoformat())
    assert 0 < (retry.at - world.clock.now()).total_seconds() <= 4
    assert "connection refused" in status.retry.error
    events = [data for kind, data in world.publisher.events if kind == "step.retrying"]
    assert [each["attempt"] for each in events] == [2, 3]
    world.source.away = False
    await rolling
    assert world.clock.now() > NOW


async def test_pauses_grow_to_a_minute(world: World) -> None:
    world.source.away = True
    world.inbox.put(NEW)
    await world.worker().reconcile()
    at = [data["at"] for kind, data in world.publisher.events if kind == "step.retrying"]
    assert len(at) == 14
    lines = [line for _, line in world.publisher.lines if "Attempt" in line]
    pauses = [float(line.split(" in ")[-1].removesuffix(" s")) for line in lines]
    assert pauses[:6] == [2, 4, 8, 16, 32, 60]
    assert max(pauses) == 60


async def test_call_during_a_pause_takes_effect_at_once(world: World) -> None:
    world.source.away = True
    world.inbox.put(NEW)
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    await until_retried(world, 6)
    began = world.clock.monotonic()
    await Operator(world.ports, worker).cancel(NEW.rollout_id)
    await rolling
    assert world.clock.monotonic() - began < AT_ONCE
    assert last(world).reason_code == "cancelled"


async def test_newer_release_ends_a_pause(world: World) -> None:
    world.source.away = True
    world.inbox.put(NEW)
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    await until_retried(world, 6)
    world.source.away = False
    world.inbox.put(a_release("v1.2.0"))
    await asyncio.gather(rolling, worker.reconcile())
    assert [(rollout.release.tag, rollout.status) for rollout, _ in world.publisher.results] == [
        ("v1.1.0", RolloutStatus.SUPERSEDED),
        ("v1.2.0", RolloutStatus.SUCCESS),
    ]


async def test_killed_worker_tries_again(world: World) -> None:
    world.source.away = True
    world.inbox.put(NEW)
    rolling = asyncio.create_task(world.worker().reconcile())
    await until_retried(world, 4)
    rolling.cancel()
    await asyncio.gather(rolling, return_exceptions=True)
    world.source.away = False
    worker = world.worker()
    await worker.start()
    await worker.reconcile()
    assert (world.state.last_good_tag, world.state.paused) == ("v1.1.0", False)
