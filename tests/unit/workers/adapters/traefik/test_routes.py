"""Where the routes of a stack are."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from app.domain.errors import SettingsInvalid
from app.domain.stack import EngineKind, RoutesInRedis, Traefik
from tests.examples import a_stack
from workers.adapters.traefik.redis_routes import RedisRoutes, announces_changes
from workers.adapters.traefik.route_file import RouteFile
from workers.adapters.traefik.routes import routes_of
from workers.ports.mutation import no_fence
from workers.routing.names import router_names

IN_REDIS = a_stack(engine=EngineKind.SWARM, traefik=Traefik({}, redis=RoutesInRedis("redis://127.0.0.1:1/0", "edge")))


async def test_routes_are_where_the_stack_file_says(tmp_path: Path) -> None:
    watched = tmp_path / "routes" / "dynamic"
    watched.mkdir(parents=True)
    async with routes_of(a_stack(), watched, "updater", password=None, fence=no_fence) as route:
        assert isinstance(route, RouteFile)
        assert route.where == str(watched / "updater-shop.yml")
    nowhere = tmp_path / "nowhere" / "dynamic"
    with pytest.raises(SettingsInvalid):
        async with routes_of(a_stack(), nowhere, "updater", password=None, fence=no_fence):
            pass
    async with routes_of(IN_REDIS, None, "updater", password=SecretStr("geheim"), fence=no_fence) as route:
        assert isinstance(route, RedisRoutes), "the Redis need not answer yet, and there is no directory"
        assert route.where == "the keys edge/http/*/updater.shop.* in redis://127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("events", "announced"), [("AKE", True), ("K$g", True), ("gK$x", True), ("", False), ("Kg", False), ("AE", False)]
)
def test_traefik_needs_the_events_of_changed_keys(events: str, announced: bool) -> None:
    assert announces_changes(events) is announced


async def test_redis_that_does_not_answer_is_unfit() -> None:
    async with routes_of(IN_REDIS, None, "updater", password=None, fence=no_fence) as route:
        (why,) = await route.unfit()
    assert "set `notify-keyspace-events Kg$x`" in why


def test_names_end_with_the_provider_that_reads_them() -> None:
    assert {name.rpartition("@")[2] for name in router_names(IN_REDIS)} == {"redis"}
    assert {name.rpartition("@")[2] for name in router_names(a_stack())} == {"file"}
