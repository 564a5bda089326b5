"""The updater is replaced last and once per rollout, even if any process is killed at any moment.

It is replaced only if the way back is known.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from app.domain.errors import BuildFailed, EngineFailed, StaleWorker
from app.domain.findings import Alarm
from app.domain.stack import Updater
from tests.examples import a_release, sha_of
from tests.fakes.fuse import Crash, Fuse
from tests.fakes.updater.own_services import FakeOwn, Handed, Machine
from tests.fakes.world import World
from workers.control.reconcile import Reconciler
from workers.rollout.checks.readiness import SETTLE_SECONDS
from workers.self_update.model import USED, Attempt, Services, Side
from workers.self_update.own_services import goes_on
from workers.self_update.succession import FIRST_AGAIN_SECONDS, Succession
from workers.self_update.successor import TRIES, Successor

UPDATER = Updater("web", "worker", ready=20)
VERSIONS = {"v1.0.0": "u:1", "v1.1.0": "u:1", "v1.2.0": "u:2"}
SUCCESSOR_MOMENTS = 12
"""Moments of an undisturbed successor: one before and one after each effect."""

BEGIN_MOMENTS = 7
"""Moments of the worker: three writes and the start of the successor."""


def services(image: str) -> Services:
    return {name: {"image": image} for name in UPDATER.services}


def file_of(tag: str) -> Path:
    return Path(sha_of(tag), "model.json")


@pytest.fixture
def machine(world: World) -> Machine:
    """The updater runs as v1.1.0 defines it."""
    machine = Machine(UPDATER, {sha_of(tag): services(image) for tag, image in VERSIONS.items()})
    machine.place(file_of("v1.1.0"))
    return machine


async def go_live(world: World, reconciler: Reconciler, *tags: str) -> None:
    for tag in tags:
        world.inbox.put(a_release(tag))
        await reconciler.reconcile()
        assert world.state.current is not None
        assert world.state.current.tag == tag


@pytest.fixture
async def reconciler(world: World) -> Reconciler:
    """v1.2.0 is live, after v1.1.0."""
    reconciler = world.worker()
    await go_live(world, reconciler, "v1.1.0", "v1.2.0")
    return reconciler


def worker(world: World, machine: Machine, reconciler: Reconciler, fuse: Fuse | None = None) -> Succession:
    """The succession of a new worker process."""
    return Succession(world.stack, UPDATER, world.ports, reconciler, FakeOwn(machine, fuse or Fuse()))


async def until_quiet(world: World, machine: Machine, *, fuse: Fuse | None = None, workers: int = 4) -> Succession:
    """Run one worker after another until one has nothing more to do; each may be killed or replaced."""
    for _ in range(workers):
        succession = worker(world, machine, world.worker(), fuse)
        looking = asyncio.create_task(succession.look())
        machine.ends_worker = looking.cancel
        await asyncio.wait({looking})
        if not looking.cancelled() and not isinstance(looking.exception(), Crash):
            looking.result()
            return succession
        if fuse:
            fuse.put_out()
        # Wait until its container, or the next worker's, has started.
        async with asyncio.timeout(1000):
            while UPDATER.worker not in machine.runs:  # noqa: ASYNC110 - polls a fake
                await asyncio.sleep(0.01)
    raise AssertionError("every worker was killed or replaced")


def published(world: World) -> str | None:
    """The sha of the release whose updater services an operator's own command finds."""
    found = world.engine.published_updater
    return found.parent.name if found else None


def events(world: World) -> list[str]:
    return [kind for kind, _ in world.publisher.events if kind.startswith("updater.")]


@pytest.fixture(autouse=True)
async def ended(machine: Machine) -> AsyncIterator[None]:
    yield
    if machine.successor is not None:
        machine.successor.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await machine.successor


async def test_updater_of_the_live_release_takes_over(world: World, machine: Machine, reconciler: Reconciler) -> None:
    succession = await until_quiet(world, machine)
    assert machine.images() == ["u:2", "u:2"]
    assert (machine.sent, machine.stands, machine.given_back) == (1, False, 0)
    assert events(world) == ["updater.succession", "updater.replaced"]
    assert published(world) == sha_of("v1.2.0"), "a plain `docker compose up` keeps it"
    assert succession.alarms() == []
    await succession.look()
    assert machine.sent == 1


async def test_replaced_worker_leaves_the_successor_alone(
    world: World, machine: Machine, reconciler: Reconciler
) -> None:
    """It was suspended, and the worker that took over began a succession meanwhile."""
    succession = worker(world, machine, reconciler)
    machine.attempt = Attempt("r-v1.2.0", "v1.2.0", "another")
    world.journal.epoch = world.state.epoch + 1
    with pytest.raises(StaleWorker):
        await succession.look()
    assert (machine.sent, machine.images(), machine.attempt.ended) == (0, ["u:1", "u:1"], False)


@pytest.mark.parametrize("moment", range(SUCCESSOR_MOMENTS))
async def test_killed_successor_continues(world: World, machine: Machine, reconciler: Reconciler, moment: int) -> None:
    machine.fuse.light(moment)
    await until_quiet(world, machine)
    assert machine.attempt is not None
    assert (machine.images(), machine.attempt.why) == (["u:2", "u:2"], "")
    disturbed = 0 < moment < SUCCESSOR_MOMENTS - 1  # otherwise it had not begun, or had already ended
    assert machine.attempt.starts == 1 + disturbed


async def test_kill_moments_cover_the_whole_successor(world: World, machine: Machine, reconciler: Reconciler) -> None:
    await until_quiet(world, machine)
    assert machine.fuse.burnt == SUCCESSOR_MOMENTS


@pytest.mark.parametrize("broken", ["web", "worker"])
@pytest.mark.parametrize("moment", range(26))
async def test_failed_successor_keeps_the_old_updater(
    world: World, machine: Machine, reconciler: Reconciler, moment: int, broken: str
) -> None:
    machine.models[sha_of("v1.2.0")] = {**services("u:2"), broken: {"image": "u:bad"}}
    machine.unwell = {"u:bad"}
    machine.fuse.light(moment)
    succession = await until_quiet(world, machine)
    assert machine.images() == ["u:1", "u:1"]
    assert machine.attempt is not None
    assert machine.attempt.why == f"{broken} was not healthy within 20 s; the old one runs again"
    assert published(world) == sha_of("v1.1.0"), "a plain `docker compose up` keeps it"
    assert bool(machine.given_back) == (broken == "worker")
    (alarm,) = succession.alarms()
    assert alarm.kind == "updater_not_replaced"
    logs = f"docker logs {world.stack.project}-updater-successor-1`"
    assert {part for part in ("traffic is not affected", logs, "apply the tag") if part not in alarm.text} == set()
    assert f"The updater of v1.2.0 did not take over, so the previous one stays: {broken} was not" in alarm.text
    await succession.look()
    assert machine.sent == 1, "one try only"
    assert (world.state.paused, world.state.current and world.state.current.tag) == (False, "v1.2.0")


@pytest.mark.parametrize("moment", range(BEGIN_MOMENTS + 1))
async def test_succession_survives_a_kill_at_its_start(
    world: World, machine: Machine, reconciler: Reconciler, moment: int
) -> None:
    fuse = Fuse()
    fuse.light(moment)
    await until_quiet(world, machine, fuse=fuse)
    assert machine.images() == ["u:2", "u:2"]
    assert (machine.sent, machine.attempt and machine.attempt.ended) == (1, True)


async def test_repeated_deaths_restore_the_old_updater(world: World, machine: Machine, reconciler: Reconciler) -> None:
    succession = worker(world, machine, reconciler)
    looking = asyncio.create_task(succession.look())
    machine.ends_worker = looking.cancel
    for _ in range(TRIES):
        machine.fuse.light(2)  # it records its start and dies
        while not machine.fuse.burnt or machine.fuse.lit:  # noqa: ASYNC110 - polls a fake
            await asyncio.sleep(0.01)
    await looking
    assert machine.images() == ["u:1", "u:1"]
    assert machine.attempt is not None
    assert f"died {TRIES} times" in machine.attempt.why


async def test_updater_is_healthy_before_engine_check(world: World, machine: Machine, reconciler: Reconciler) -> None:
    machine.unseen = {"u:2"}
    began = world.clock.monotonic()
    await until_quiet(world, machine)
    assert machine.images() == ["u:2", "u:2"]
    assert world.clock.monotonic() - began < UPDATER.ready / 2


@pytest.mark.parametrize("image", ["u:2", "u:1"], ids=["it stays up", "it ends again and again"])
async def test_unchecked_service_must_stay_up(
    world: World, machine: Machine, reconciler: Reconciler, image: str
) -> None:
    machine.unchecked = {"u:2"}
    machine.restless = {"u:2"} - {image}
    began = world.clock.monotonic()
    await until_quiet(world, machine)
    assert machine.images() == [image, image]
    if image == "u:2":
        assert world.clock.monotonic() - began >= SETTLE_SECONDS
    else:
        assert "web ended" in (machine.attempt.why if machine.attempt else "")


async def test_hanging_successor_is_removed_and_undone(world: World, machine: Machine, reconciler: Reconciler) -> None:
    machine.mute = True
    succession = worker(world, machine, reconciler)
    began = world.clock.monotonic()
    looking = asyncio.create_task(succession.look())
    await asyncio.sleep(5)
    machine.start("web", file_of("v1.2.0"))
    await looking
    assert world.clock.monotonic() - began == pytest.approx(succession.limit, abs=2)
    assert (machine.images(), machine.stands) == (["u:1", "u:1"], False)
    assert "did not end within" in succession.alarms()[0].text


async def test_successor_that_replaces_the_worker_is_not_dismissed(
    world: World, machine: Machine, reconciler: Reconciler
) -> None:
    """Its request to stop the worker may arrive at any moment, and then nothing would start the worker again."""
    machine.mute = True
    machine.claimed = {"r-v1.2.0": Side.SUCCESSOR}
    succession = worker(world, machine, reconciler)
    with pytest.raises(EngineFailed, match="may be replacing this worker"):
        await succession.look()
    assert (machine.stands, machine.attempt and machine.attempt.ended) == (True, False)
    assert "still being replaced by that of v1.2.0: the successor did not end within" in succession.alarms()[0].text


async def test_successor_that_was_given_up_is_not_sent_again(
    world: World, machine: Machine, reconciler: Reconciler
) -> None:
    """The worker was killed, or the engine did not answer, before the successor was gone."""
    machine.mute = True
    attempt = Attempt("r-v1.2.0", "v1.2.0", machine.runs["worker"][0])
    machine.prepared[attempt.rollout] = (file_of("v1.1.0"), file_of("v1.2.0"))
    machine.attempt, machine.claimed, machine.stands = attempt, {attempt.rollout: Side.WORKER}, True
    machine.start("web", file_of("v1.2.0"))
    began = world.clock.monotonic()
    await worker(world, machine, reconciler).look()
    assert (machine.images(), machine.sent, machine.stands) == (["u:1", "u:1"], 0, False)
    assert machine.attempt is not None
    assert (machine.attempt.ended, world.clock.monotonic() - began) == (True, 0)


@pytest.mark.parametrize("why", ["", "web ended 3 times"], ids=["forward", "back"])
async def test_dismissed_successor_leaves_the_worker(machine: Machine, why: str) -> None:
    attempt = Attempt("r-v1.2.0", "v1.2.0", "c2", why=why)
    machine.prepared[attempt.rollout] = (file_of("v1.1.0"), file_of("v1.2.0"))
    machine.claimed = {attempt.rollout: Side.WORKER}
    before = machine.runs["worker"]
    ended = await Successor(FakeOwn(machine, Fuse()), Handed(machine), UPDATER).run(attempt)
    assert (ended.ended, machine.runs["worker"], machine.handed_over) == (False, before, False)


@pytest.mark.parametrize("tag", ["v1.1.0", "v1.2.0"], ids=["that runs", "new"])
async def test_updater_with_a_value_of_a_shell_is_not_replaced(
    world: World, machine: Machine, reconciler: Reconciler, tag: str
) -> None:
    """Compose could start neither the new updater nor, on the way back, the old one."""
    used = {USED: {"secrets/token": {"environment": "TOKEN"}}}
    machine.models[sha_of(tag)] = {name: {**service, **used} for name, service in services(VERSIONS[tag]).items()}
    succession = await until_quiet(world, machine)
    assert (machine.images(), machine.sent) == (["u:1", "u:1"], 0)
    assert "take their values from the environment (TOKEN)" in succession.alarms()[0].text
    assert ("up -d --no-deps web worker" in succession.alarms()[0].text) == (tag == "v1.1.0")


async def test_unstartable_successor_changes_nothing(world: World, machine: Machine, reconciler: Reconciler) -> None:
    machine.broken = True
    succession = await until_quiet(world, machine)
    assert machine.images() == ["u:1", "u:1"]
    assert "could not be started" in succession.alarms()[0].text


async def test_release_during_succession_waits(world: World, machine: Machine, reconciler: Reconciler) -> None:
    machine.mute = True
    succession = worker(world, machine, reconciler)
    looking = asyncio.create_task(succession.look())
    await asyncio.sleep(1)
    world.source.tags["v1.3.0"] = sha_of("v1.3.0")
    world.inbox.put(a_release("v1.3.0", after=60))
    nudged = asyncio.create_task(reconciler.reconcile())
    await asyncio.sleep(30)
    assert (world.state.rollout, nudged.done()) == (None, False)
    looking.cancel()
    nudged.cancel()
    await asyncio.wait({looking, nudged})  # the worker is replaced
    machine.mute = False
    await FakeOwn(machine, Fuse()).dismiss()
    await until_quiet(world, machine)
    await world.worker().reconcile()
    assert world.state.current is not None
    assert world.state.current.tag == "v1.3.0"


async def test_failed_succession_does_not_block_the_next(
    world: World, machine: Machine, reconciler: Reconciler
) -> None:
    machine.unwell = {"u:2"}
    await until_quiet(world, machine)
    world.source.tags["v1.3.0"] = sha_of("v1.3.0")
    machine.models[sha_of("v1.3.0")] = services("u:3")
    await go_live(world, world.worker(), "v1.3.0")
    assert world.state.previous is not None
    assert world.state.previous.tag == "v1.2.0", "the updater of v1.2.0 never ran"
    await until_quiet(world, machine)
    assert machine.images() == ["u:3", "u:3"]


async def test_updater_follows_a_rollback(world: World, machine: Machine, reconciler: Reconciler) -> None:
    await until_quiet(world, machine)
    world.inbox.put(a_release("v1.1.0", key="manual:1", rollout_id="r-back", recall=sha_of("v1.1.0"), force=True))
    await world.worker().reconcile()
    assert world.state.current is not None
    assert world.state.current.tag == "v1.1.0"
    await until_quiet(world, machine)
    assert machine.images() == ["u:2", "u:2"], "a rollback pauses the succession"
    await world.journal.update(lambda s: s.unpause(world.clock.now()))
    await until_quiet(world, machine)
    assert machine.images() == ["u:1", "u:1"]


async def test_reapplied_tag_gets_another_try(world: World, machine: Machine, reconciler: Reconciler) -> None:
    machine.unwell = {"u:2"}
    await until_quiet(world, machine)
    machine.unwell = set()
    world.inbox.put(a_release("v1.2.0", key="manual:1", rollout_id="r-again", force=True))
    await world.worker().reconcile()
    assert (await until_quiet(world, machine)).alarms() == []
    assert machine.images() == ["u:2", "u:2"]


async def test_manual_change_is_reported_and_kept(world: World, machine: Machine, reconciler: Reconciler) -> None:
    machine.models[sha_of("by hand")] = services("u:mine")
    machine.start("worker", file_of("by hand"))
    succession = await until_quiet(world, machine)
    assert (machine.sent, machine.images()) == (0, ["u:1", "u:mine"])
    assert "It was changed by hand" in succession.alarms()[0].text
    machine.place(file_of("v1.2.0"))  # as the alarm says: `docker compose up -d`
    await succession.look()
    assert (machine.sent, succession.alarms()) == (0, [])


async def test_change_during_succession_is_reported(world: World, machine: Machine, reconciler: Reconciler) -> None:
    await until_quiet(world, machine)
    machine.start("web", file_of("v1.1.0"))
    succession = await until_quiet(world, machine)
    assert published(world) == sha_of("v1.2.0"), "`docker compose up` by hand fixes it"
    (alarm,) = succession.alarms()
    assert "the running updater changed after its replacement" in alarm.text


async def test_published_updater_is_replaced(world: World, machine: Machine, reconciler: Reconciler) -> None:
    """If it was never replaced, the published updater is older than the previous release."""
    machine.models[world.engine.published_path.parent.name] = services("u:0")
    machine.place(world.engine.published_path)
    assert (await until_quiet(world, machine)).alarms() == []
    assert machine.images() == ["u:2", "u:2"]


async def test_stopped_updater_is_left_alone(world: World, machine: Machine, reconciler: Reconciler) -> None:
    del machine.runs["web"]
    assert (await until_quiet(world, machine)).alarms() == []
    assert machine.sent == 0


async def test_missing_service_is_reported(world: World, machine: Machine, reconciler: Reconciler) -> None:
    machine.models[sha_of("v1.2.0")] = {"web": {"image": "u:2"}}
    (alarm,) = (await until_quiet(world, machine)).alarms()
    assert "no service worker" in alarm.text
    assert machine.sent == 0


async def test_paused_updater_is_not_replaced(world: World, machine: Machine, reconciler: Reconciler) -> None:
    await world.journal.update(lambda s: s.pause("moving environment"))
    await until_quiet(world, machine)
    assert machine.sent == 0


async def test_succession_waits_for_a_running_rollout(world: World, machine: Machine, reconciler: Reconciler) -> None:
    async with reconciler.quiet():
        await worker(world, machine, reconciler).look()
    assert machine.sent == 0


async def test_accepted_release_goes_before_the_succession(
    world: World, machine: Machine, reconciler: Reconciler
) -> None:
    """It waits for the worker's next look, as after a write that failed."""
    await world.journal.update(lambda s: s.accept(a_release("v1.3.0", after=60)))
    await worker(world, machine, reconciler).look()
    assert machine.sent == 0


async def test_nudge_at_a_start_waits_for_the_end(world: World, machine: Machine, reconciler: Reconciler) -> None:
    """The queue runs already while a new worker starts, before its succession holds back rollouts."""
    machine.attempt = Attempt("r-v1.2.0", "v1.2.0", "c2")
    machine.prepared["r-v1.2.0"] = (file_of("v1.1.0"), file_of("v1.2.0"))
    world.source.tags["v1.3.0"] = sha_of("v1.3.0")
    world.inbox.put(a_release("v1.3.0", after=60))
    own = FakeOwn(machine, Fuse())
    new = Reconciler(world.stack, world.ports, succeeds=partial(goes_on, own))
    starting = asyncio.create_task(new.start())
    await new.taken_over()
    await asyncio.gather(starting, new.reconcile())
    assert (world.state.rollout, world.state.current and world.state.current.tag) == (None, "v1.2.0")
    own.record(replace(machine.attempt, ended=True))
    await new.reconcile()
    assert world.state.current is not None
    assert world.state.current.tag == "v1.3.0"


async def test_missing_image_is_retried_and_reported(world: World, machine: Machine, reconciler: Reconciler) -> None:
    machine.absent = {"u:2"}
    succession = worker(world, machine, reconciler)
    with pytest.raises(BuildFailed):
        await succession.look()
    machine.absent = set()
    await succession.look()
    assert machine.sent == 0, "the retry is not immediate"
    (alarm,) = succession.alarms()
    assert "image u:2 is missing" in alarm.text
    await world.clock.sleep(FIRST_AGAIN_SECONDS)
    looking = asyncio.create_task(succession.look())
    machine.ends_worker = looking.cancel
    await asyncio.wait({looking})
    assert machine.sent == 1


async def test_alarm_covers_only_the_live_release(world: World, machine: Machine, reconciler: Reconciler) -> None:
    machine.attempt = Attempt("r-v1.1.0", "v1.1.0", ended=True, why="it was not well")
    assert worker(world, machine, reconciler).alarms() == []
    machine.attempt = replace(machine.attempt, rollout="r-v1.2.0")
    assert [type(alarm) for alarm in worker(world, machine, reconciler).alarms()] == [Alarm]
