"""A release for a swarm, as Compose itself reads it: what refuses it, what is said of it, and its service specs."""

from dataclasses import replace

import pytest

from app.domain.errors import ComposeInvalid
from app.domain.stack import EngineKind, Forbid, Policy
from tests.integration.compose.read_release import BLUE, Bench
from workers.definition.swarm.spec import service_spec


@pytest.fixture
def swarm(bench: Bench) -> Bench:
    bench.stack = replace(bench.stack, engine=EngineKind.SWARM, registry="registry.example.org/team")
    return bench


async def test_release_that_swarm_can_run_is_not_refused(swarm: Bench) -> None:
    swarm.compose({"deploy": {"replicas": 2}}, services={"bot": {"image": "bot"}})
    read = await swarm.read()
    assert (read.problems, read.warnings) == ((), ())


@pytest.mark.parametrize("key", ["privileged", "shm_size", "devices"])
async def test_option_that_swarm_lacks_refuses_the_release(swarm: Bench, key: str) -> None:
    """Compose writes them in its own form."""
    values = {"privileged": True, "shm_size": "64m", "devices": ["/dev/null:/dev/x"]}
    swarm.compose({key: values[key]})
    (problem,) = (await swarm.read()).problems
    assert isinstance(problem, ComposeInvalid)
    assert f"{BLUE}: Swarm has no {key}" in str(problem)


async def test_policy_refuses_before_swarm_does(swarm: Bench) -> None:
    swarm.stack = replace(swarm.stack, policy=Policy(forbid=frozenset({Forbid.PRIVILEGED})))
    swarm.compose({"privileged": True})
    read = await swarm.read()
    assert read.problems == ()
    assert read.forbidden


async def test_the_same_option_is_no_problem_on_one_host(bench: Bench) -> None:
    bench.compose({"shm_size": "64m"})
    assert (await bench.read()).problems == ()


async def test_file_of_the_release_refuses_a_mount_and_not_a_config(swarm: Bench) -> None:
    """Only the worker's node has the release's files."""
    swarm.put(swarm.tree, "app.conf", "x")
    swarm.compose({"volumes": ["./app.conf:/etc/app.conf:ro"]})
    (problem,) = (await swarm.read()).problems
    assert "Write it as a config" in str(problem)
    swarm.compose({"configs": [{"source": "app", "target": "/etc/app.conf"}]}, configs={"app": {"file": "./app.conf"}})
    assert (await swarm.read()).problems == ()


async def test_directory_of_every_node_is_a_warning(swarm: Bench) -> None:
    (swarm.live / "uploads").mkdir()
    swarm.compose({"volumes": ["./uploads:/uploads"]})
    read = await swarm.read()
    assert read.problems == ()
    assert [line for line in read.warnings if "each node that may run it needs them" in line]


async def test_service_spec_has_what_compose_resolved(swarm: Bench) -> None:
    swarm.put(swarm.live, ".env", "WORD=$$cheap\n")
    swarm.compose(
        {
            "environment": {"PRICE": "costs $$5", "WORD": "${WORD}"},
            "command": "serve --port 80",
            "deploy": {"replicas": 2, "resources": {"limits": {"memory": "64m", "cpus": "0.5"}}},
            "healthcheck": {"test": ["CMD", "true"], "interval": "1m30s"},
            "stop_grace_period": "1m",
            "restart": "always",
            "networks": ["back"],
        },
        networks={"back": {}},
    )
    model = (await swarm.read()).model
    spec = service_spec(model, BLUE, "shop_api-blue", image={}, files={}, grace=30)
    task, container = spec["TaskTemplate"], spec["TaskTemplate"]["ContainerSpec"]
    assert sorted(container["Env"]) == ["PRICE=costs $5", "WORD=$cheap"]
    assert container["Args"] == ["serve", "--port", "80"]
    assert container["Healthcheck"] == {"Test": ["CMD", "true"], "Interval": 90 * 10**9}
    assert container["StopGracePeriod"] == 60 * 10**9
    assert task["Resources"]["Limits"] == {"NanoCPUs": 5 * 10**8, "MemoryBytes": 2**26}
    assert task["RestartPolicy"] == {"Condition": "any"}
    assert task["Networks"] == [{"Target": "shop_back", "Aliases": [BLUE]}]
    assert (spec["Labels"]["updater.copies"], spec["Labels"]["updater.color"]) == ("2", "blue")
    assert (spec["Labels"]["updater.rollout"], spec["Labels"]["updater.service"]) == ("r-1", "api")
