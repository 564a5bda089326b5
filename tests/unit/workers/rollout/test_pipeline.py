"""The pipeline against a world in memory: what each kind of release does to the traffic and to the bot."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.domain.errors import StaleWorker
from app.domain.release import Trigger
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Color, Singleton, Times
from app.domain.step import StepId, StepKind, step_named
from tests.examples import NOW, a_live, a_release, a_stack, sha_of, step_names
from tests.fakes.world import World
from workers.adoption import drift
from workers.ports import Room
from workers.watchdogs.drift_watch import DriftWatch

NEW = a_release("v1.1.0")


async def roll_out(world: World, **options: bool) -> Rollout:
    """Roll v1.1.0 out; returns its rollout."""
    world.inbox.put(NEW)
    await world.worker(**options).reconcile()
    return last(world)


def last(world: World) -> Rollout:
    return world.publisher.results[-1][0]


def running(world: World, color: Color) -> list[list[str]]:
    return [world.engine.running(service.colors[color]) for service in world.stack.routed]


def is_as_before(world: World) -> None:
    """v1.0.0 is live and served on blue with its bot, and no client noticed anything."""
    assert world.route.served()[0] is Color.BLUE
    assert running(world, Color.BLUE) == [["v1.0.0"], ["v1.0.0"]]
    assert world.engine.running("bot") == ["v1.0.0"]
    assert world.outages == []
    assert (world.state.active_color, world.state.current) == (Color.BLUE, a_live("v1.0.0"))
    assert (world.state.last_good_tag, world.state.rollout) == ("v1.0.0", None)


async def test_a_release_goes_live_without_an_outage(world: World) -> None:
    ended = await roll_out(world)
    assert (ended.status, ended.error, ended.warnings) == (RolloutStatus.SUCCESS, None, ())
    assert ended.steps_completed == list(step_names(world.stack))
    assert world.route.served() == (Color.GREEN, NEW.rollout_id)
    assert running(world, Color.GREEN) == [["v1.1.0"], ["v1.1.0"]]
    assert running(world, Color.BLUE) == [[], []]
    assert world.engine.running("bot") == ["v1.1.0"]
    assert world.outages == []
    assert world.source.tag_in[sha_of("v1.1.0")] == "v1.1.0", "a build sees the tag of its own release"
    assert (world.state.active_color, world.state.last_good_tag, world.state.paused) == (Color.GREEN, "v1.1.0", False)
    assert world.state.previous == a_live("v1.0.0")


async def test_warning_covers_only_manual_changes(
    world: World,
) -> None:
    world.engine.others, world.engine.own = [("postgres", "it is new")], ["updater-worker"]
    ended = await roll_out(world)
    assert ended.warnings == (
        "the release also changes postgres: it is new. The updater does not apply that; do it by hand.",
    )


async def test_effects_happen_in_order(world: World) -> None:
    await roll_out(world)
    assert world.effects == [
        "start skills-green v1.1.0",
        "start api-green v1.1.0",
        "route green",
        "create bot v1.1.0",
        "stop bot v1.0.0",
        "start bot v1.1.0",
        "stop skills-blue v1.0.0",
        "stop api-blue v1.0.0",
    ]


async def test_the_evidence_of_each_step_is_kept(world: World) -> None:
    ended = await roll_out(world)
    assert ended.evidence(step_named("git_fetch_tags")) == {"sha": sha_of("v1.1.0")}
    assert ended.evidence(step_named("docker_build"))["images"]["api-green"] == "api-green:v1.1.0"
    assert ended.evidence(step_named("health_api"))["passes"] == world.stack.checks.passes
    assert ended.evidence(step_named("route_switch"))["flip_ms"] >= world.route.lag * 1000
    assert ended.evidence(step_named("bake"))["errors"] == 0
    assert ended.evidence(step_named("bake"))["requests"] > 8 * world.stack.times.bake
    assert 0 < ended.evidence(step_named("restart_bot"))["gap_seconds"] < 1


@pytest.mark.parametrize(("bake", "drain"), [(5, 60), (60, 5)])
async def test_old_color_runs_until_bake_and_drain_end(bake: float, drain: float) -> None:
    world = World(a_stack(times=Times(bake=bake, drain=drain)))
    await world.live("v1.0.0")
    await roll_out(world)
    at = world.engine.at
    assert at["stop api-blue v1.0.0"] - at["route green"] >= 60


async def test_first_rollout_goes_live_on_blue() -> None:
    world = World()
    ended = await roll_out(world)
    assert (ended.status, ended.target, ended.origin) == (RolloutStatus.SUCCESS, Color.BLUE, None)
    assert world.route.served()[0] is Color.BLUE
    assert world.engine.running("bot") == ["v1.1.0"]
    assert ended.evidence(step_named("stop_old_color")) == {"skipped": "nothing was live before"}
    assert (world.state.previous, world.state.active_color) == (None, Color.BLUE)


async def test_failed_first_rollout_leaves_no_route() -> None:
    world = World()
    world.engine.behave("bot", "v1.1.0", dies_after=0.1)
    ended = await roll_out(world)
    assert ended.status is RolloutStatus.ROLLED_BACK
    assert world.route.served()[0] is None
    assert (world.state.active_color, world.state.paused) == (None, True)
    assert [*running(world, Color.BLUE), world.engine.running("bot")] == [[], [], []]


# Before the flip


@pytest.mark.parametrize(
    ("service", "behaviour", "reason"),
    [
        ("api", {"builds": False}, "build_failed"),
        ("api", {"starts": False}, "start_failed"),
        ("api", {"status": 500}, "never_healthy"),
        ("api", {"ready_after": 1e6}, "never_healthy"),
        ("skills", {"dies_after": 0.7}, "never_healthy"),
        ("skills", {"status": 500, "own_check": False}, "never_healthy"),
    ],
)
async def test_failure_before_flip_changes_nothing_live(
    world: World, service: str, behaviour: dict[str, Any], reason: str
) -> None:
    world.engine.behave(service, "v1.1.0", **behaviour)
    ended = await roll_out(world)
    is_as_before(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.FAILED, reason)
    assert not [effect for effect in world.effects if "v1.0.0" in effect or "route" in effect or "bot" in effect]
    assert [*running(world, Color.GREEN)] == [[], []]


async def test_unhealthy_release_pauses_with_the_reason(world: World) -> None:
    world.engine.behave("api", "v1.1.0", status=503)
    ended = await roll_out(world)
    assert world.state.paused
    assert world.state.pause_reason == (
        "v1.1.0 is not live. health_api: The new color did not become healthy (api): /api/v1/health answered HTTP 503, "
        "its own check says unhealthy (times/health is 120 s)\n"
        "  | api-green v1.1.0 was here\n"
        "Traffic stayed on v1.0.0 (blue); nothing live was touched. "
        "Publish a release that fixes it and unpause, or apply the tag again with force."
    )
    assert ended.failed_step == "health_api"
    assert ended.steps_completed[-2:] == ["discard", "prune"]


async def test_failed_rollout_removes_only_its_parts(world: World) -> None:
    world.engine.behave("api", "v1.1.0", status=503)
    await roll_out(world)
    assert await world.engine.find("api-green") == []
    assert world.source.trees == set()
    assert {sha for _, sha in world.engine.images} == {sha_of("v1.0.0")}


async def test_slow_service_is_waited_for(world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=100)
    assert (await roll_out(world)).status is RolloutStatus.SUCCESS


async def test_a_flapping_service_is_not_healthy(world: World) -> None:
    """Passes have to be consecutive; this service dies between two of them."""
    world.engine.behave("api", "v1.1.0", dies_after=0.9)
    assert (await roll_out(world)).reason_code == "never_healthy"


async def test_unsigned_tag_is_refused_without_a_pause(world: World) -> None:
    world.source.unsigned.add("v1.1.0")
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code, ended.steps_completed) == (
        RolloutStatus.FAILED,
        "signature_refused",
        ["preflight", "discard", "prune"],
    )
    assert (world.source.trees, world.effects, world.state.paused) == (set(), [], False)
    is_as_before(world)
    world.inbox.put(a_release("v1.2.0"))
    await world.worker().reconcile()
    assert (last(world).release.tag, last(world).status) == ("v1.2.0", RolloutStatus.SUCCESS)


@pytest.mark.parametrize("force", [False, True])
async def test_forbidden_option_is_refused_without_a_pause(world: World, force: bool) -> None:
    world.engine.forbidden["v1.1.0"] = "bot uses privileged (privileged: true)"
    world.inbox.put(replace(NEW, force=force))
    await world.worker().reconcile()
    assert (last(world).status, last(world).reason_code) == (RolloutStatus.FAILED, "policy_refused")
    assert "docker_build" not in last(world).steps_completed
    assert (world.effects, world.state.paused) == ([], False)
    is_as_before(world)
    world.inbox.put(a_release("v1.2.0"))
    await world.worker().reconcile()
    assert (last(world).release.tag, last(world).status) == ("v1.2.0", RolloutStatus.SUCCESS)


async def test_force_does_not_replace_a_signature(world: World) -> None:
    world.source.unsigned.add("v1.1.0")
    world.inbox.put(replace(NEW, force=True))
    await world.worker().reconcile()
    assert last(world).reason_code == "signature_refused"


@pytest.mark.parametrize(
    ("tag", "moved", "reason"), [("v1.1.0", True, "tag_moved"), ("v1.1.0", False, "tag_not_found")]
)
async def test_moved_or_missing_tag_changes_nothing(world: World, tag: str, moved: bool, reason: str) -> None:
    world.source.moved |= {tag} if moved else set()
    world.source.tags.pop(tag)
    assert (await roll_out(world)).reason_code == reason
    assert world.effects == []
    is_as_before(world)


async def test_asked_for_commit_is_the_only_one_that_goes_live(world: World) -> None:
    asked = replace(NEW, key="manual:r-1", trigger=Trigger.MANUAL, commit=sha_of("v1.1.0"))
    world.source.tags["v1.1.0"] = "b" * 40
    world.inbox.put(asked)
    await world.worker().reconcile()
    assert (last(world).reason_code, world.effects) == ("tag_moved", [])
    is_as_before(world)


@pytest.mark.parametrize("room", [Room(disk=0, memory=10**12), Room(disk=10**12, memory=0)])
async def test_insufficient_room_stops_the_preflight(world: World, room: Room) -> None:
    world.room = room
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code, world.effects) == (RolloutStatus.FAILED, "preflight_refused", [])


async def test_preflight_waits_for_a_starting_color(world: World) -> None:
    """For example, after a restart of the machine: the live color becomes healthy a little later."""
    world.engine.die("skills-blue")
    ended = await roll_out(world)
    assert ended.status is RolloutStatus.SUCCESS
    (waits,) = [line for _, line in world.publisher.lines if line.startswith("preflight: waits up to")]
    assert "skills answers HTTP 503 through Traefik" in waits


async def test_journal_release_goes_live_without_redis(world: World) -> None:
    await world.journal.update(lambda state: state.accept(NEW))
    world.inbox.away = True
    await world.worker().reconcile()
    assert last(world).status is RolloutStatus.SUCCESS
    assert last(world).evidence(step_named("preflight"))["ignored"] == ["Redis does not answer: ConnectionError"]


async def test_preflight_names_every_problem(world: World) -> None:
    world.room = Room(disk=0, memory=0)
    world.inbox.put(NEW)
    worker = world.worker()
    world.engine.behave("api", "v1.0.0", status=500)
    world.engine.place("api-blue", "v1.0.0")
    for instance in (await world.engine.find("api-blue"))[:1]:
        await world.engine.stop(instance.id, 1)
    await worker.reconcile()
    error = str(last(world).error)
    for part in ("GB of disk", "MB of memory", "api answers HTTP 500 through Traefik"):
        assert part in error


async def test_forced_preflight_records_the_problems(world: World) -> None:
    world.room = Room(disk=0, memory=10**12)
    world.inbox.put(replace(NEW, force=True))
    await world.worker().reconcile()
    assert last(world).status is RolloutStatus.SUCCESS
    assert "GB of disk" in last(world).evidence(step_named("preflight"))["ignored"][0]


# From the flip on


async def test_unconfirmed_route_is_put_back(world: World) -> None:
    world.route.lag = 60
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.FAILED, "route_not_confirmed")
    assert await world.route.active() is Color.BLUE


async def test_rollback_moves_the_route_before_the_bot(world: World) -> None:
    world.engine.behave("api", "v1.1.0", dies_after=5)
    ended = await roll_out(world)
    is_as_before(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.ROLLED_BACK, "bake_failed")
    effects = world.effects[world.effects.index("start bot v1.1.0") + 1 :]
    assert effects == [
        "route blue",
        "stop bot v1.1.0",
        "remove bot v1.1.0",
        "start bot v1.0.0",
        "stop skills-green v1.1.0",
    ]
    assert ended.evidence(step_named("rollback_route"))["rollback_ms"] >= world.route.lag * 1000


@pytest.mark.parametrize(
    ("behaviour", "status", "reason"),
    [
        ({"starts": False}, RolloutStatus.ROLLED_BACK, "start_failed"),
        ({"dies_after": 0.1}, RolloutStatus.ROLLED_BACK, "singleton_never_ready"),
        ({"ready_after": 1e6}, RolloutStatus.ROLLED_BACK, "singleton_never_ready"),
        ({"status": 500}, RolloutStatus.ROLLED_BACK, "singleton_never_ready"),
        ({"dies_after": 5}, RolloutStatus.ROLLED_BACK, "bake_failed"),
    ],
)
async def test_two_bots_never_run_at_once(
    world: World, behaviour: dict[str, Any], status: RolloutStatus, reason: str
) -> None:
    world.engine.behave("bot", "v1.1.0", **behaviour)
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code) == (status, reason)
    is_as_before(world)
    assert world.state.paused


async def test_unstoppable_bot_gets_no_second_bot(world: World) -> None:
    world = World()
    world.engine.behave("bot", "v1.0.0", stops=False)
    await world.live("v1.0.0")
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.ROLLED_BACK, "singleton_not_gone")
    is_as_before(world)


async def test_bot_on_a_silent_machine_gets_no_second_bot(world: World) -> None:
    """Zero copies are better than two. The reason names the machine."""
    world = World()
    world.engine.behave("bot", "v1.0.0", silent=("node2",))
    await world.live("v1.0.0")
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.ROLLED_BACK, "singleton_not_gone")
    assert "node2 does not answer, and it may still run there. Bring node2 back" in str(ended.error)
    is_as_before(world)


async def test_unstoppable_new_bot_blocks_the_old_bot(world: World) -> None:
    """The new bot fails its check and does not stop: the old bot stays down, and the operator is warned."""
    world.engine.behave("bot", "v1.1.0", status=500, stops=False)
    ended = await roll_out(world)
    assert world.engine.running("bot") == ["v1.1.0"]
    assert world.route.served()[0] is Color.BLUE
    assert [w for w in ended.warnings if w.startswith("rollback_bot: The old bot did not stop")]


async def test_an_unchanged_bot_is_not_restarted(world: World) -> None:
    world.engine.behave("bot", "v1.1.0", image="bot:v1.0.0")
    ended = await roll_out(world)
    assert (ended.status, ended.evidence(step_named("restart_bot"))) == (
        RolloutStatus.SUCCESS,
        {"skipped": "nothing about it changed"},
    )
    assert not [effect for effect in world.effects if "bot" in effect]


@pytest.mark.parametrize("fails", ["flip", "bake"])
async def test_rollback_leaves_a_stopped_bot_stopped(world: World, fails: str) -> None:
    """Someone stopped it before the rollout, as to run it elsewhere."""
    world.engine.by_hand(stop=["bot"])
    if fails == "flip":
        world.route.lag = 11
    else:
        world.engine.behave("api", "v1.1.0", dies_after=5)
    ended = await roll_out(world)
    assert ended.past_flip
    assert ended.status is not RolloutStatus.SUCCESS
    assert world.engine.running("bot") == []


async def test_bot_without_a_check_must_keep_running(world: World) -> None:
    world.engine.behave("bot", "v1.1.0", own_check=False)
    ended = await roll_out(world)
    assert ended.status is RolloutStatus.SUCCESS
    assert ended.evidence(step_named("restart_bot"))["gap_seconds"] >= 3


@pytest.mark.parametrize("service", ["skills", "api", "bot"])
async def test_a_bake_failure_of_any_part_rolls_back(world: World, service: str) -> None:
    world.engine.behave(service, "v1.1.0", dies_after=5)
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code, ended.failed_step) == (RolloutStatus.ROLLED_BACK, "bake_failed", "bake")
    is_as_before(world)


async def refused_for(world: World, seconds: float, *, unreadable: bool = False) -> None:
    """The route file cannot be written from the first step that fails until `seconds` later."""

    lifting: list[asyncio.Task[None]] = []

    async def allow() -> None:
        await world.clock.sleep(seconds)
        world.route.refuses = set()

    def refuse() -> None:
        world.route.refuses, world.route.unreadable = {Color.BLUE}, unreadable
        lifting.append(asyncio.create_task(allow()))

    world.publisher.at_event("step.failed", refuse)


@pytest.mark.parametrize("part", ["api", "bot"])
async def test_rollback_waits_for_a_writable_route(world: World, part: str) -> None:
    world.engine.behave(part, "v1.1.0", dies_after=5)
    await refused_for(world, 30)
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.ROLLED_BACK, "bake_failed")
    assert (world.route.served()[0], world.state.active_color) == (Color.BLUE, Color.BLUE)
    assert running(world, Color.BLUE) == [["v1.0.0"], ["v1.0.0"]]
    assert world.engine.running("bot") == ["v1.0.0"]
    attempts = [step.error is None for step in ended.steps if step.name == "rollback_route"]
    assert attempts == [False, False, True], "the first one, and of the retries the first and the last"
    assert len([w for w in ended.warnings if w.startswith("rollback_route")]) == 1


async def test_rollback_replaces_an_unreadable_route(world: World) -> None:
    """The file may lead to the failed color, so it is written until that succeeds."""
    world.engine.behave("api", "v1.1.0", dies_after=5)
    await refused_for(world, 30, unreadable=True)
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.ROLLED_BACK, "bake_failed")
    assert (world.route.served()[0], world.route.named) == (Color.BLUE, Color.BLUE)
    assert running(world, Color.BLUE) == [["v1.0.0"], ["v1.0.0"]]


async def test_drift_watch_keeps_a_failed_rollback(world: World) -> None:
    """Traefik is unavailable: the file says blue again, and nothing may route traffic to the failed release later."""
    world.engine.behave("bot", "v1.1.0", dies_after=5)
    look = world.engine.watcher

    def watcher(effect: str) -> None:
        look(effect)
        world.route.deaf = world.route.deaf or effect == "start bot v1.1.0"

    world.engine.watcher = watcher
    world.inbox.put(NEW)
    worker = world.worker()
    await worker.reconcile()
    assert (last(world).status, world.state.active_color) == (RolloutStatus.FAILED, Color.BLUE)
    world.route.deaf = False
    await DriftWatch(world.stack, world.ports, worker).look()
    assert await world.route.active() is Color.BLUE


async def test_rollout_never_starts_on_the_routed_color(world: World) -> None:
    """The flip was not confirmed, and could not be reverted for a minute: Traefik may have applied it since."""
    world.route.lag = 11
    await refused_for(world, 60)
    await roll_out(world)
    await world.clock.sleep(60)
    assert world.route.served()[0] is Color.BLUE
    world.route.lag = 0.05
    world.inbox.put(a_release("v1.2.0", force=True))
    await world.worker().reconcile()
    assert world.outages == []


async def test_rollback_restores_the_bot_after_an_outage(world: World) -> None:
    """The engine is away for longer than a call waits: nothing else would start the bot later."""
    world.engine.behave("api", "v1.1.0", dies_after=5)
    world.engine.goes_away = ["start bot v1.0.0", "start bot v1.0.0"]
    ended = await roll_out(world)
    is_as_before(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.ROLLED_BACK, "bake_failed")
    attempts = [step.error is None for step in ended.steps if step.name == "rollback_bot"]
    assert attempts == [False, False, True]


async def test_rollback_gives_up_a_bot_that_never_starts(world: World) -> None:
    """The engine answers, but each start of the old bot is cut off: the rollback does not run for ever."""
    world.engine.behave("api", "v1.1.0", dies_after=5)
    world.engine.goes_away = ["start bot v1.0.0"] * 9
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.ROLLED_BACK, "bake_failed")
    assert world.engine.goes_away == ["start bot v1.0.0"] * 4
    assert [w.partition(":")[0] for w in ended.warnings] == ["rollback_bot"]


async def test_rollback_continues_without_the_old_bot(world: World) -> None:
    world = World()
    world.engine.behave("bot", "v1.0.0", ready_after=1e6)
    world.engine.behave("bot", "v1.1.0", dies_after=5)
    await world.live("v1.0.0")
    ended = await roll_out(world)
    assert ended.status is RolloutStatus.ROLLED_BACK
    assert running(world, Color.GREEN) == [[], []]
    assert [w.partition(":")[0] for w in ended.warnings] == ["rollback_bot"]


async def test_prune_keeps_current_and_previous_release(world: World) -> None:
    await roll_out(world)
    world.inbox.put(a_release("v1.2.0"))
    await world.worker().reconcile()
    kept = {sha_of("v1.1.0"), sha_of("v1.2.0")}
    assert {sha for _, sha in world.engine.images} == kept
    assert world.source.trees == kept
    assert {i.sha for i in await world.engine.find("bot")} == kept


async def test_step_that_hangs_times_out(world: World) -> None:
    world.source.fetch = hang  # type: ignore[method-assign]  # breaks a fake
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.FAILED, "step_timed_out")


async def test_unnamed_error_also_fails_the_rollout(world: World) -> None:
    world.source.fetch = break_down  # type: ignore[method-assign]
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.FAILED, "internal_error")
    assert "ZeroDivisionError" in str(ended.error)


async def test_replaced_worker_changes_nothing_more(world: World) -> None:
    look = world.engine.watcher

    def watcher(effect: str) -> None:
        look(effect)
        world.journal.epoch = 99

    world.engine.watcher = watcher
    world.inbox.put(NEW)
    worker = world.worker()
    with pytest.raises(StaleWorker):
        await worker.reconcile()
    assert worker.replaced
    assert world.effects == ["start skills-green v1.1.0", "start api-green v1.1.0"], "one call starts both"


async def test_redis_outage_does_not_end_a_rollout(world: World) -> None:
    look = world.engine.watcher

    def watcher(effect: str) -> None:
        look(effect)
        world.inbox.away = True

    world.engine.watcher = watcher
    assert (await roll_out(world)).status is RolloutStatus.SUCCESS


async def test_next_release_starts_if_pausing_is_off(world: World) -> None:
    world.engine.behave("api", "v1.1.0", status=500)
    await roll_out(world, pause_on_failure=False)
    assert not world.state.paused
    world.inbox.put(a_release("v1.2.0"))
    await world.worker(pause_on_failure=False).reconcile()
    assert last(world).status is RolloutStatus.SUCCESS


async def test_full_disk_leaves_no_rollout_hanging(world: World) -> None:
    look = world.engine.watcher

    def watcher(effect: str) -> None:
        look(effect)
        world.journal.full = True

    world.engine.watcher = watcher
    world.inbox.put(NEW)
    worker = world.worker()
    looking = asyncio.create_task(worker.reconcile())
    await world.clock.sleep(300)
    world.journal.full, world.engine.watcher = False, look
    await looking
    assert world.state.rollout is None
    assert world.state.current is not None
    assert world.state.paused or world.state.current.tag == "v1.1.0"


async def hang(tag: str, approved: str | None = None) -> str:
    await World().clock.sleep(1e9)
    return tag


async def break_down(tag: str, approved: str | None = None) -> str:
    return str(1 / 0)


def test_recalled_release_is_not_fetched_or_built() -> None:
    steps = step_names(a_stack(), recall=True)
    assert steps[:3] == ("preflight", "recall_release", "start_skills")
    assert steps[2:] == step_names(a_stack())[4:]


def test_rollout_steps_are_in_order() -> None:
    assert step_names(a_stack()) == (
        "preflight",
        "git_fetch_tags",
        "git_checkout_tag",
        "docker_build",
        "start_skills",
        "start_api",
        "health_skills",
        "health_api",
        "route_switch",
        "health_routed_skills",
        "health_routed_api",
        "restart_bot",
        "bake",
        "stop_old_color",
        "prune",
    )


@pytest.mark.parametrize("name", ["route", "stop"])
async def test_bot_may_be_named_like_a_rollback_step(name: str) -> None:
    """The old bot runs again, and the failed color is stopped."""
    world = World(a_stack(singletons=(Singleton(name, "bot"),)))
    await world.live("v1.0.0")
    world.engine.behave("bot", "v1.1.0", ready_after=10_000)
    ended = await roll_out(world)
    assert (ended.status, ended.warnings) == (RolloutStatus.ROLLED_BACK, ())
    assert world.engine.running("bot") == ["v1.0.0"]
    assert running(world, Color.GREEN) == [[], []]
    assert ended.steps_completed.count(f"rollback_{name}") == 2


async def test_service_may_be_named_like_a_routed_check() -> None:
    """The routed check of `api` is not skipped because the direct one of `routed_api` has the same name."""
    stack = a_stack()
    other = replace(stack.routed[1], name="routed_api", colors={color: f"routed-{color}" for color in Color})
    world = World(replace(stack, routed=(*stack.routed, other)))
    await world.live("v1.0.0")
    ended = await roll_out(world)
    assert ended.status is RolloutStatus.SUCCESS
    assert ended.completed.count(StepId(StepKind.HEALTH_ROUTED, "api")) == 1
    assert ended.completed.count(StepId(StepKind.HEALTH, "routed_api")) == 1
    assert ended.steps_completed == list(step_names(world.stack))


async def test_rollout_never_begins_on_a_color_that_traefik_serves(world: World) -> None:
    """A flip was not confirmed. Traefik then follows it all the same, and not the file that led back."""
    world.route.deaf = True
    assert (await roll_out(world)).reason_code == "route_not_confirmed"
    world.route.load(Color.GREEN, "r-v1.1.0")
    for force in (False, True):
        tag = "v1.2.0"
        world.inbox.put(a_release(tag, key=f"1:{force}", rollout_id=f"r-{force}", force=force, after=1))
        await world.journal.update(lambda s: s.unpause(NOW))
        await world.worker().reconcile()
        ended, _ = world.publisher.results[-1]
        assert (ended.id, ended.reason_code, ended.failed_step) == (f"r-{force}", "route_not_confirmed", "preflight")
        assert "Traefik answers for rollout r-v1.1.0" in str(ended.error)
    assert world.engine.running("api-green") == ["v1.1.0"]
    assert world.outages == []


@pytest.mark.parametrize("force", [False, True])
async def test_rollout_never_begins_while_traefik_is_silent(world: World, force: bool) -> None:
    """A flip was not confirmed, so Traefik may still use it. It does not answer the updater."""
    world.route.deaf = True
    assert (await roll_out(world)).reason_code == "route_not_confirmed"
    world.route.load(Color.GREEN, "r-v1.1.0")
    world.route.down = True
    world.inbox.put(a_release("v1.2.0", force=force, after=1))
    await world.journal.update(lambda s: s.unpause(NOW))
    await world.worker().reconcile()
    assert (last(world).reason_code, last(world).failed_step) == ("route_not_confirmed", "preflight")
    assert "Traefik does not answer" in str(last(world).error)
    assert world.engine.running("api-green") == ["v1.1.0"]


async def test_color_drains_after_traefik_was_silent(world: World) -> None:
    """A flip was not confirmed. Traefik follows the file again in the moment in which it answers again."""
    world.route.deaf = True
    assert (await roll_out(world)).reason_code == "route_not_confirmed"
    world.route.load(Color.GREEN, "r-v1.1.0")
    world.route.down = True
    world.inbox.put(a_release("v1.2.0", force=True, after=1))
    rolling = asyncio.create_task(world.worker().reconcile())
    await world.clock.sleep(2)
    world.route.down = False
    world.route.re_read()
    left = world.clock.monotonic()
    await rolling
    assert last(world).status is RolloutStatus.SUCCESS
    assert world.engine.at["replace api-green v1.1.0"] - left >= world.stack.times.drain


async def test_forced_rollout_needs_no_answer_if_its_color_is_stopped(world: World) -> None:
    """Nothing of the color that it replaces runs, so Traefik cannot use it."""
    world.route.down = True
    world.inbox.put(a_release("v1.1.0", force=True))
    rolling = asyncio.create_task(world.worker().reconcile())
    await world.clock.sleep(3)
    world.route.down = False
    await rolling
    assert last(world).status is RolloutStatus.SUCCESS


async def test_color_that_was_left_running_drains(world: World) -> None:
    """A flip was not confirmed. Traefik used it for a while, and follows the file again since a moment ago."""
    world.route.deaf = True
    assert (await roll_out(world)).reason_code == "route_not_confirmed"
    world.route.load(Color.GREEN, "r-v1.1.0")
    await world.clock.sleep(10)
    world.route.re_read()
    left = world.clock.monotonic()
    await world.clock.sleep(1)
    world.inbox.put(a_release("v1.2.0", force=True, after=1))
    await world.worker().reconcile()
    assert (last(world).status, world.outages) == (RolloutStatus.SUCCESS, [])
    assert world.engine.at["replace api-green v1.1.0"] - left >= world.stack.times.drain


async def test_color_that_had_traffic_by_mistake_drains(world: World) -> None:
    """The route file was changed by hand to copies of the live release on the idle color."""
    await world.journal.update(lambda s: s.routed_to(Color.BLUE, "r-v1.0.0"))
    world.engine.by_hand(start=["skills-green", "api-green"], tag="v1.0.0")
    world.route.overwrite(Color.GREEN)
    assert (await roll_out(world)).status is RolloutStatus.SUCCESS
    at = world.engine.at
    assert at["replace api-green v1.0.0"] - at["route blue"] >= world.stack.times.drain


async def test_color_drains_that_traefik_left_late(world: World) -> None:
    await world.journal.update(lambda s: s.routed_to(Color.BLUE, "r-v1.0.0"))
    world.engine.by_hand(start=["skills-green", "api-green"], tag="v1.0.0")
    world.route.load(Color.GREEN, "r-v0.9.0")
    rolling = asyncio.create_task(roll_out(world))
    await world.clock.sleep(1)
    world.route.load(Color.BLUE, "r-v1.0.0")
    left = world.clock.monotonic()
    assert (await rolling).status is RolloutStatus.SUCCESS
    assert world.engine.at["replace api-green v1.0.0"] - left >= world.stack.times.drain


async def test_route_that_led_back_slowly_is_in_the_journal(world: World) -> None:
    """The file is written, but the step's limit expires before the journal says so."""
    world.engine.behave("bot", "v1.1.0", check_passes=False)
    world.publisher.at_event("step.failed", lambda: setattr(world.route, "write_seconds", 60.0))
    ended = await roll_out(world)
    world.route.write_seconds = 0.0
    assert (ended.failed_step, world.route.named) == ("restart_bot", Color.BLUE)
    assert (world.state.active_color, world.state.route_id) == (Color.BLUE, None)
    await drift.restore(world.stack, world.ports)
    await world.clock.sleep(1)
    assert (world.route.served(), world.outages) == ((Color.BLUE, "r-v1.0.0"), [])


async def test_first_release_rolls_back_until_its_routes_are_gone() -> None:
    world = World()
    world.engine.behave("api", "v1.0.0", dies_after=5)

    async def allow() -> None:
        await world.clock.sleep(60)
        world.route.refuses = set()

    world.route.refuses = {None}
    world.inbox.put(a_release("v1.0.0"))
    lifting = asyncio.create_task(allow())
    await world.worker().reconcile()
    await lifting
    ended = last(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.ROLLED_BACK, "bake_failed")
    assert (await world.route.active(), running(world, Color.BLUE)) == (None, [[], []])
