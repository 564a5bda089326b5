"""kill -9 of the worker, and how the next worker recovers."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from app.domain.errors import Cancelled
from app.domain.rollout import RolloutStatus
from app.domain.stack import Color
from app.domain.state import State
from tests.examples import a_live, a_release, step_names
from tests.fakes.clock import VirtualTimeLoop
from tests.fakes.content import content
from tests.fakes.fuse import Crash
from tests.fakes.world import World
from workers.rollout.pipeline import ATTEMPTS

T = TypeVar("T")

NEW = a_release("v1.1.0")
SOON = 1_000.0
PARTS = 20
"""Into how many tests the pairs of kills are divided, so that they can run at once."""


@contextlib.contextmanager
def crashing_in(world: World, step: str) -> Iterator[None]:
    """Kill the worker when `step` has begun."""
    look = world.publisher.event

    def event(kind: str, **data: object) -> None:
        look(kind, **data)
        if (kind, data.get("step")) == ("step.started", step):
            world.fuse.light(0)

    world.publisher.event = event  # type: ignore[method-assign]  # wires a fake
    yield
    world.publisher.event = look  # type: ignore[method-assign]


async def crash_after(world: World, step: str) -> None:
    """Roll v1.1.0 out until `step` has begun, and kill the worker there."""
    world.inbox.put(NEW)
    with crashing_in(world, step), contextlib.suppress(Crash):
        await world.worker().reconcile()
    await power_on(world)


async def crash_in_recovery(world: World, step: str) -> None:
    with crashing_in(world, step), contextlib.suppress(Crash):
        await start_again(world)
    await power_on(world)


async def power_on(world: World) -> None:
    """Wait for the next full SOON, when the old worker's pending work has failed, then allow effects again."""
    await world.clock.sleep(SOON - world.clock.monotonic() % SOON)
    world.fuse.put_out()


async def start_again(world: World, **options: bool) -> None:
    worker = world.worker(**options)
    await worker.start()
    await worker.reconcile()


def ended(world: World) -> list[tuple[str, RolloutStatus, str | None]]:
    return [(r.release.tag, r.status, r.reason_code) for r, _ in world.publisher.results]


def is_consistent(world: World) -> None:
    """One release is live on the color that the journal names, with one bot, and no rollout runs."""
    color, current = world.state.active_color, world.state.current
    assert color is not None
    assert current is not None
    assert world.route.served()[0] is color
    assert running(world, color) == [[current.tag], [current.tag]]
    assert world.engine.running("bot") == [current.tag]
    assert world.state.rollout is None
    assert world.outages == []


def running(world: World, color: Color) -> list[list[str]]:
    return [world.engine.running(s.colors[color]) for s in world.stack.routed]


@pytest.mark.parametrize("step", ["preflight", "git_fetch_tags", "docker_build", "start_api", "health_api"])
async def test_interrupted_release_is_retried(world: World, step: str) -> None:
    await crash_after(world, step)
    await start_again(world)
    assert ended(world) == [("v1.1.0", RolloutStatus.FAILED, "interrupted"), ("v1.1.0", RolloutStatus.SUCCESS, None)]
    is_consistent(world)
    assert not world.state.paused


@pytest.mark.parametrize("effect", ["build v1.1.0", "start api-green v1.1.0"])
async def test_engine_loss_before_flip_is_retried(world: World, effect: str) -> None:
    world.engine.goes_away = [effect]
    world.inbox.put(NEW)
    await world.worker().reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.FAILED, "interrupted"), ("v1.1.0", RolloutStatus.SUCCESS, None)]
    error = world.publisher.results[0][0].error or ""
    assert "The rollout was interrupted: the Docker Engine was unavailable in" in error
    is_consistent(world)
    assert not world.state.paused


async def test_cancel_during_engine_loss_is_not_retried(world: World) -> None:
    worker = world.worker()

    def cancel() -> None:
        assert worker.running is not None
        assert worker.running.give_way(Cancelled("by an operator"))

    world.engine.goes_away, world.engine.meanwhile = ["build v1.1.0"], cancel
    world.inbox.put(NEW)
    await worker.reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.FAILED, "cancelled")]
    is_consistent(world)


async def test_repeated_engine_loss_pauses(world: World) -> None:
    world.engine.goes_away = ["build v1.1.0"] * (ATTEMPTS + 2)
    world.inbox.put(NEW)
    await world.worker().reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.FAILED, "interrupted")] * ATTEMPTS
    assert world.state.paused
    is_consistent(world)


async def test_engine_loss_after_flip_rolls_back(world: World) -> None:
    world.engine.goes_away = ["stop bot v1.0.0"]
    world.inbox.put(NEW)
    await world.worker().reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.ROLLED_BACK, "engine_failed")]
    assert world.state.paused
    is_consistent(world)


async def test_bad_release_fails_despite_old_engine_loss(world: World) -> None:
    world.engine.behave("api", "v1.1.0", builds=False)
    world.engine.times_away = 3
    world.inbox.put(NEW)
    await world.worker().reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.FAILED, "build_failed")]


async def test_repeated_interruption_pauses(world: World) -> None:
    await crash_after(world, "docker_build")
    for _ in range(ATTEMPTS + 2):
        worker = world.worker()
        await worker.start()
        if world.state.paused:
            break
        await crash_after(world, "docker_build")
    assert [status for _, status, _ in ended(world)] == [RolloutStatus.FAILED] * ATTEMPTS
    assert world.state.paused
    assert world.state.accepted == ()
    is_consistent(world)


AFTER_THE_FLIP = ["route_switch", "health_routed_api", "restart_bot", "bake"]


@pytest.mark.parametrize("step", AFTER_THE_FLIP)
async def test_healthy_color_continues_after_a_kill(world: World, step: str) -> None:
    await crash_after(world, step)
    await start_again(world)
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS, None)]
    assert (world.state.active_color, world.state.paused) == (Color.GREEN, False)
    is_consistent(world)
    assert running(world, Color.BLUE) == [[], []]


@pytest.mark.parametrize("step", AFTER_THE_FLIP)
async def test_unhealthy_color_rolls_back_after_a_kill(world: World, step: str) -> None:
    world.engine.behave("api", "v1.1.0", dies_after=100)
    await crash_after(world, step)
    await start_again(world)
    assert ended(world) == [("v1.1.0", RolloutStatus.ROLLED_BACK, "never_healthy")]
    assert world.state.current == a_live("v1.0.0")
    assert world.state.paused
    assert world.route.served()[0] is Color.BLUE


async def test_rollout_that_kills_its_worker_rolls_back(world: World) -> None:
    await crash_after(world, "bake")
    for _ in range(ATTEMPTS):
        await crash_in_recovery(world, "bake")
    await start_again(world)
    assert ended(world) == [("v1.1.0", RolloutStatus.ROLLED_BACK, "interrupted")]
    is_consistent(world)
    assert world.state.paused


@pytest.mark.parametrize("step", ["stop_old_color", "prune"])
async def test_interruption_after_bake_ends_in_success(world: World, step: str) -> None:
    await crash_after(world, step)
    await start_again(world)
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS, None)]
    assert not world.state.paused
    is_consistent(world)
    assert running(world, Color.BLUE) == [[], []]


@pytest.mark.parametrize("step", ["stop_old_color", "prune"])
async def test_repeated_retirement_completes_steps_once(world: World, step: str) -> None:
    await crash_after(world, step)
    await start_again(world)
    assert world.publisher.results[-1][0].steps_completed == list(step_names(world.stack))


@pytest.mark.parametrize("step", ["rollback_route", "rollback_bot", "rollback_stop"])
async def test_interrupted_rollback_keeps_its_cause(world: World, step: str) -> None:
    world.engine.behave("api", "v1.1.0", dies_after=6)
    await crash_after(world, step)
    await start_again(world)
    assert ended(world) == [("v1.1.0", RolloutStatus.ROLLED_BACK, "bake_failed")]
    is_consistent(world)


async def test_interrupted_discard_keeps_its_cause(world: World) -> None:
    world.engine.behave("api", "v1.1.0", status=500)
    await crash_after(world, "discard")
    await start_again(world)
    assert ended(world) == [("v1.1.0", RolloutStatus.FAILED, "never_healthy")]
    assert world.state.paused
    is_consistent(world)


async def test_a_pause_survives_a_restart(world: World) -> None:
    await world.journal.update(lambda s: s.pause("fix it"))
    world.inbox.put(NEW)
    await start_again(world)
    assert (world.state.paused, world.state.pause_reason, ended(world)) == (True, "fix it", [])


async def moments(bad: bool) -> int:
    """The number of moments at which an undisturbed rollout can be killed."""
    world = await a_world(bad)
    begun = world.fuse.burnt
    await world.worker().reconcile()
    assert [reason for _, _, reason in ended(world)] == ["bake_failed" if bad else None]
    return world.fuse.burnt - begun


async def a_world(bad: bool) -> World:
    """A bad release dies as its bake begins."""
    world = World()
    if bad:
        world.engine.behave("api", "v1.1.0", dies_after=4)
    await world.live("v1.0.0")
    world.inbox.put(NEW)
    return world


async def killed_at_each_moment(bad: bool) -> AsyncIterator[tuple[int, World]]:
    """Worlds that were killed before and after each effect and each write, and then started again."""
    for moment in range(await moments(bad)):
        world = await a_world(bad)
        world.fuse.light(moment)
        with contextlib.suppress(Crash):
            await world.worker().reconcile()
        await power_on(world)
        await start_again(world)
        yield moment, world


@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
async def test_kill_at_any_moment_ends_consistently(bad: bool) -> None:
    async for moment, world in killed_at_each_moment(bad):
        assert the_release_is_decided(world.state), f"killed at moment {moment}"
        is_consistent(world)


@pytest.mark.parametrize("part", range(PARTS))
def test_second_kill_ends_consistently(part: int) -> None:
    for first in different_kills()[part::PARTS]:
        for second in range(0, 60, 3):
            if in_a_loop(moments_of_recovery(first, second)) < second:
                break  # it ended before the second kill, so every later one would be the same


UNREAD = (
    *(f"Fuse.{name}" for name in ("burnt", "_length")),
    *(f"FakeEngine.{name}" for name in ("effects", "at", "checks")),
    *(f"FakePublisher.{name}" for name in ("statuses", "shown", "events", "results", "never", "lines", "kept")),
    *("FakeProbe._asked", "HistoryEntry.error"),
)
"""What a worker that starts does not see: records for tests, the turns of copies (there is one), a text for people."""


@functools.cache
def different_kills() -> list[int]:
    """The moments of a first kill, without those that leave the same host at the same time as an earlier one.

    For example, the kills between one effect and the next: what follows each of them is the same.
    """
    different: dict[int, int] = {}
    for moment in range(in_a_loop(moments(bad=True))):
        different.setdefault(in_a_loop(left_by_a_kill(moment)), moment)
    return [*different.values()]


def test_different_kills_are_most_of_them() -> None:
    every = in_a_loop(moments(bad=True))
    assert every / 2 < len(different_kills()) < every


def in_a_loop(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work` in a loop of its own, whose time begins anew."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


async def left_by_a_kill(moment: int) -> int:
    return host_of(await a_world_killed_at(moment))


def host_of(world: World) -> int:
    """A hash of all that the next worker starts with; it does the same on an equal host."""
    return hash(content((world.clock.monotonic(), world), but=UNREAD))


async def a_world_killed_at(moment: int) -> World:
    world = await a_world(bad=True)
    world.fuse.light(moment)
    with contextlib.suppress(Crash):
        await world.worker().reconcile()
    await power_on(world)
    return world


async def moments_of_recovery(first: int, second: int) -> int:
    """How many moments the recovery from the first kill lived; it is killed after `second`."""
    world = await a_world_killed_at(first)
    begun = world.fuse.burnt
    world.fuse.light(second)
    with contextlib.suppress(Crash):
        await start_again(world)
    await power_on(world)
    lived = world.fuse.burnt - begun
    if (left := host_of(world)) not in ENDED_CONSISTENTLY:
        await start_again(world)
        assert the_release_is_decided(world.state), f"killed at moment {first} and {second} moments later"
        is_consistent(world)
        ENDED_CONSISTENTLY.add(left)
    return lived


ENDED_CONSISTENTLY = set[int]()
"""The hosts after two kills that were started again. Several kills of a first attempt may leave the same one."""


def the_release_is_decided(state: State) -> bool:
    """v1.1.0 is live, or the pause reason explains why it is not."""
    live = state.current is not None and state.current.tag == "v1.1.0"
    return live or (state.paused and "v1.1.0" in str(state.pause_reason))
