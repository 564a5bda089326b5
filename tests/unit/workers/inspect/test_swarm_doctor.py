"""What doctor says of a stack in a swarm, and not of it."""

from dataclasses import replace

import pytest

from app.domain.findings import Verdict
from app.domain.stack import EngineKind, RoutesInRedis
from tests.examples import a_stack, a_traefik
from tests.fakes.world import World
from tests.unit.workers.inspect.test_doctor import HEALTHY, check, checks_of, seen


@pytest.fixture
def swarm(world: World) -> World:
    traefik = replace(a_traefik(web="http://traefik:80", api="http://traefik:81"), redis=RoutesInRedis("redis://r"))
    world.restack(a_stack(engine=EngineKind.SWARM, registry="registry.example.org/team", traefik=traefik))
    return world


async def test_swarm_is_not_asked_about_one_host(swarm: World) -> None:
    names = {each.name for each in await checks_of(swarm, HEALTHY)}
    assert not names & {"traefik_mount", "traefik_throttle", "compose_by_hand"}


async def test_redis_has_to_announce_changed_routes(swarm: World) -> None:
    assert (await check(swarm, "traefik_redis", HEALTHY)).status is Verdict.OK
    swarm.route.unfit_because = ["notify-keyspace-events is empty"]
    found = await check(swarm, "traefik_redis", HEALTHY)
    assert (found.status, found.found) == (Verdict.FAILED, "notify-keyspace-events is empty")


async def test_remedies_are_commands_of_a_swarm(swarm: World) -> None:
    """A service that no rollout replaces, because the stack file does not name it."""
    left = seen("old", name="shop_old-1a2b3c", rollout="r-0")
    found = await check(swarm, "left_old", replace(HEALTHY, containers=(left,)))
    assert "docker service rm shop_old-1a2b3c" in found.remedy
