"""How the bake judges the answers that clients get."""

from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Color
from app.domain.step import step_named
from tests.examples import a_release, a_stack, a_traefik
from tests.fakes.world import World

NEW = a_release("v1.1.0")
FEW_SECONDS = 5.0


async def roll_out(world: World) -> Rollout:
    world.inbox.put(NEW)
    await world.worker().reconcile()
    return world.publisher.results[-1][0]


async def test_color_failing_clients_is_rolled_back(world: World) -> None:
    world.clients.rps, world.clients.failing = 20, {Color.GREEN: 1.0}
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code, ended.failed_step) == (RolloutStatus.ROLLED_BACK, "bake_failed", "bake")
    assert "client requests got a 5xx answer" in (ended.error or "")
    assert world.route.served()[0] is Color.BLUE
    assert world.state.paused
    bake = next(s for s in ended.steps if s.name == "bake")
    assert (bake.seconds or 0) < FEW_SECONDS, "the bake fails before its end"


async def test_failures_of_the_old_color_are_tolerated(world: World) -> None:
    world.clients.rps, world.clients.failing = 20, {Color.BLUE: 0.3, Color.GREEN: 0.3}
    await world.clock.sleep(60)  # long enough to measure the old color's share of errors
    assert (await roll_out(world)).status is RolloutStatus.SUCCESS


async def test_evidence_has_client_request_counts(world: World) -> None:
    world.clients.rps = 20
    ended = await roll_out(world)
    seen = ended.evidence(step_named("bake"))["traffic"]
    assert seen["skills"]["errors"] == seen["api"]["errors"] == 0
    assert seen["skills"]["requests"] > 20 * world.stack.times.bake * 0.5


async def test_missing_clients_are_not_judged(world: World) -> None:
    ended = await roll_out(world)
    assert (ended.status, ended.warnings) == (RolloutStatus.SUCCESS, ())
    assert ended.evidence(step_named("bake"))["traffic"]["api"]["requests"] == 0


async def test_unreadable_metrics_only_warn(world: World) -> None:
    world.clients.away = True
    ended = await roll_out(world)
    assert ended.status is RolloutStatus.SUCCESS
    assert ended.evidence(step_named("bake"))["traffic"] == {"unknown": "Traefik's metrics cannot be read: no answer"}
    assert "The answers to clients were not judged" in ended.warnings[0]


async def test_evidence_explains_missing_metrics() -> None:
    world = World(a_stack(traefik=a_traefik(web="http://traefik:80", api="http://traefik:81/")))
    await world.live("v1.0.0")
    ended = await roll_out(world)
    assert (ended.status, ended.warnings) == (RolloutStatus.SUCCESS, ())
    assert "traefik/metrics is not set" in ended.evidence(step_named("bake"))["traffic"]["unknown"]


async def test_earlier_failures_of_a_color_are_ignored(world: World) -> None:
    world.clients.rps, world.clients.failing = 20, {Color.GREEN: 1.0}
    assert (await roll_out(world)).status is RolloutStatus.ROLLED_BACK
    world.clients.failing = {}
    world.inbox.put(a_release("v1.2.0"))
    worker = world.worker()
    await world.journal.update(lambda s: s.unpause(world.clock.now()))
    await worker.reconcile()
    assert world.publisher.results[-1][0].status is RolloutStatus.SUCCESS
