"""The worker gets the stack file with the swarm; web gets the part that this version accepts."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.config.stack_file import parse_stack
from app.domain.errors import StackInvalid
from app.domain.stack import EngineKind
from deploy.demo.docker.engine import Engine
from deploy.demo.docker.lan import Lan
from deploy.demo.docker.swarm import SwarmLab
from deploy.demo.docker.swarm_node import Node
from deploy.demo.github.control import GitHubServer
from deploy.demo.swarm.environment import SwarmEnvironment, for_one_host, swarm_stack_file

REDIS = "redis://10.213.1.2:6379"
URLS = {"node1": "http://10.213.1.3:8080", "node2": "http://10.213.1.4:8080"}
NODES = [Node(Path("/home"), Path("/run"), "", None, number) for number in (1, 2)]


@pytest.fixture
def home() -> SwarmEnvironment:
    repository: Any = SimpleNamespace(url="/demo/repository")
    return SwarmEnvironment(
        directory=Path("/demo"),
        project="demo",
        engine=Engine("unix:///run/docker.sock", owned=True),
        repository=repository,
        public_url="",
        internal_url="",
        routes=URLS,
        metrics_url="",
        gateway_url="",
        log_dir=Path("/demo/logs"),
        github=GitHubServer("http://10.213.1.3:20000"),
        swarm=SwarmLab(NODES, Lan("zus1", "10.213.1.1/24", 2), "10.213.1.2:5000/team"),
        redis_url=REDIS,
    )


def test_worker_flips_both_traefiks_by_redis(home: SwarmEnvironment) -> None:
    stack = parse_stack(swarm_stack_file(home), engines=frozenset(EngineKind))
    point = stack.traefik.entrypoints["web"]
    assert [point.url, *point.others] == list(URLS.values())
    assert stack.traefik.redis is not None
    assert stack.traefik.redis.url == REDIS
    assert (stack.engine, stack.registry) == (EngineKind.SWARM, "10.213.1.2:5000/team")
    assert [(each.name, each.node) for each in stack.singletons] == [("bot", "node1")]


def test_this_version_refuses_the_worker_s_stack_file(home: SwarmEnvironment) -> None:
    with pytest.raises(StackInvalid, match="cannot run swarm yet"):
        parse_stack(swarm_stack_file(home))


def test_this_version_accepts_that_of_web(home: SwarmEnvironment) -> None:
    content = swarm_stack_file(home)
    stack = parse_stack(for_one_host(content))
    assert (stack.project, stack.repository, stack.engine) == ("demo", content["repository"], EngineKind.COMPOSE)


def test_clients_send_requests_to_each_traefik(home: SwarmEnvironment) -> None:
    assert {name: target.url for name, target in home.targets.items()} == URLS
