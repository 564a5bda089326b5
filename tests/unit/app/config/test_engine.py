from typing import Any

import pytest

from app.config.stack_file import parse_stack
from app.domain.errors import StackInvalid
from app.domain.stack import EngineKind, RoutesInRedis, Singleton, Stack
from tests.unit.app.config.test_stack_file import content

BOT = {"bot": {"service": "bot"}}
PINNED = {"bot": {"service": "bot", "node": "worker-1.example.org"}}
REGISTRY = "registry.example.org/team"


def read(**change: Any) -> Stack:
    return parse_stack(content(**change), engines=list(EngineKind))


def problems(engines: Any = tuple(EngineKind), **change: Any) -> list[str]:
    with pytest.raises(StackInvalid) as refused:
        parse_stack(content(**change), engines=engines)
    return [line.strip() for line in refused.value.detail.splitlines()[1:]]


def test_compose_is_the_default_engine() -> None:
    for stack in (parse_stack(content(singletons=BOT)), parse_stack(content(singletons=BOT, engine="compose"))):
        assert (stack.engine, stack.registry) == (EngineKind.COMPOSE, None)
        assert stack.singletons == (Singleton("bot", "bot", None),)


def test_swarm_is_refused_while_this_version_has_no_such_engine() -> None:
    with pytest.raises(StackInvalid) as refused:
        parse_stack(content(engine="swarm", registry=REGISTRY, singletons=PINNED))
    (line,) = [line.strip() for line in refused.value.detail.splitlines()[1:]]
    assert line == "engine: this version of the updater cannot run swarm yet. Write compose, or remove the key"


def test_unknown_engine_is_refused() -> None:
    assert problems(engine="kubernetes") == ["engine: should be 'compose' or 'swarm'"]


def test_swarm_has_a_registry_and_nodes() -> None:
    stack = read(engine="swarm", registry=REGISTRY, singletons=PINNED)
    assert (stack.engine, stack.registry) == (EngineKind.SWARM, REGISTRY)
    assert stack.singletons == (Singleton("bot", "bot", "worker-1.example.org"),)


def test_swarm_needs_a_registry() -> None:
    (line,) = problems(engine="swarm")
    assert line.startswith("registry: is missing")
    assert REGISTRY in line


def test_compose_has_no_registry_and_no_nodes() -> None:
    found = problems(registry=REGISTRY, singletons=PINNED)
    assert [line.partition(":")[0] for line in found] == ["registry", "singletons/bot/node"]
    assert all("or write `engine: swarm`" in line for line in found)


def test_no_message_offers_an_engine_that_this_version_lacks() -> None:
    found = problems([EngineKind.COMPOSE], registry=REGISTRY, singletons=PINNED)
    assert [line.partition(":")[0] for line in found] == ["registry", "singletons/bot/node"]
    assert not any("swarm" in line.rpartition("Remove the key")[2] for line in found)


@pytest.mark.parametrize(
    "registry",
    ["registry.example.org/team", "registry.example.org:5000", "localhost/a", "10.0.0.7:5000/a/b_c", "docker.io/team"],
)
def test_registry_is_how_the_name_of_an_image_begins(registry: str) -> None:
    assert read(engine="swarm", registry=registry).registry == registry


def test_slash_at_the_end_of_the_registry_is_dropped() -> None:
    assert read(engine="swarm", registry=f"{REGISTRY}/").registry == REGISTRY


@pytest.mark.parametrize(
    "registry",
    [
        *("", "/", "https://registry.example.org/team", "registry.example.org/Team", "registry.example.org/team:v1"),
        *("registry.example.org//team", "-x.example.org/team", "registry.example.org/team@sha256:00", "a b", "x:0/t"),
    ],
)
def test_other_registry_is_refused(registry: str) -> None:
    (line,) = problems(engine="swarm", registry=registry)
    assert line.startswith("registry: should be a registry and a path in it")


def test_scheme_of_a_registry_is_named() -> None:
    (line,) = problems(engine="swarm", registry="https://registry.example.org/team")
    assert line.endswith("without https://")


def test_name_without_a_host_is_not_taken_for_a_registry() -> None:
    """Docker would push to another registry than the operator reads there."""
    (line,) = problems(engine="swarm", registry="team/shop")
    assert "docker.io/team" in line


@pytest.mark.parametrize("node", ["", "-n", "a b", "node.role==worker", "x" * 254, 7, None])
def test_node_is_a_host_name(node: object) -> None:
    singletons = {"bot": {"service": "bot", "node": node}}
    if node is None:
        assert read(engine="swarm", registry=REGISTRY, singletons=singletons).singletons[0].node is None
    else:
        assert problems(engine="swarm", registry=REGISTRY, singletons=singletons)[0].startswith("singletons/bot/node")


def test_updater_of_a_swarm_does_not_replace_itself() -> None:
    own = {"web": "updater-web", "worker": "updater-worker"}
    (line,) = problems(engine="swarm", registry=REGISTRY, updater=own)
    assert line.startswith("updater: with `engine: swarm`, the updater cannot replace its own services. Remove the key")
    assert read(updater=own).updater is not None, "on one host it does"


def traefik(**change: Any) -> dict[str, Any]:
    return {**content()["traefik"], **change}


def test_routes_may_be_in_a_redis() -> None:
    where = {"url": "redis://traefik-redis:6379/1"}
    stack = read(engine="swarm", registry=REGISTRY, traefik=traefik(redis=where))
    assert stack.traefik.redis == RoutesInRedis("redis://traefik-redis:6379/1", "traefik")
    named = read(engine="swarm", registry=REGISTRY, traefik=traefik(redis={**where, "root": "edge/traefik"}))
    assert named.traefik.redis == RoutesInRedis("redis://traefik-redis:6379/1", "edge/traefik")


@pytest.mark.parametrize(
    ("redis", "problem"),
    [
        ({"url": "redis://:geheim@redis:6379"}, "traefik/redis/url: should have no user and no password: set the"),
        ({"url": "http://redis:6379"}, "traefik/redis/url: should start with redis://"),
        ({"url": "redis://redis:6379", "root": "/traefik"}, "traefik/redis/root: should be Traefik's"),
    ],
)
def test_wrong_redis_is_named(redis: dict[str, str], problem: str) -> None:
    (line,) = problems(engine="swarm", registry=REGISTRY, traefik=traefik(redis=redis))
    assert line.startswith(problem)
    assert "geheim" not in line


def test_routes_of_one_host_are_a_file() -> None:
    found = problems(traefik=traefik(redis={"url": "redis://redis:6379"}))
    assert found == [
        "traefik/redis: routes are kept in a Redis only with `engine: swarm`. Remove the key, or write `engine: swarm`"
    ]
