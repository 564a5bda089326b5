"""A release with followers and jobs, as Compose itself reads it: what refuses it, and what is said of it."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.errors import ComposeInvalid
from app.domain.stack import BeforeFlip, Follower
from tests.integration.compose.read_release import BLUE, Bench
from workers.definition.services.copies import copies_of

WORKER: dict[str, Any] = {"image": "worker"}
COMPLETED = {"migrate": {"condition": "service_completed_successfully"}}
MIGRATE = {"image": "migrate", "command": ["migrate"]}


def with_worker(bench: Bench, **worker: Any) -> None:
    bench.stack = replace(bench.stack, followers=(Follower("queue", "worker"),))
    bench.compose({}, services={"worker": {**WORKER, **worker}})


@pytest.mark.parametrize(("several", "count"), [({"deploy": {"replicas": 3}}, 3), ({"scale": 2}, 2), ({}, 1)])
async def test_follower_has_as_many_copies_as_compose_would_start(
    bench: Bench, several: dict[str, Any], count: int
) -> None:
    with_worker(bench, **several)
    assert copies_of(await bench.service("worker")) == count


@pytest.mark.parametrize(
    ("worker", "what"),
    [
        ({"ports": ["127.0.0.1:9100:9100"]}, "port 127.0.0.1:9100 of the host (tcp)"),
        ({"networks": {"default": {"ipv4_address": "10.9.0.9"}}}, "the ipv4 address 10.9.0.9 in default"),
    ],
)
async def test_follower_that_cannot_run_twice_refuses_the_release(
    bench: Bench, worker: dict[str, Any], what: str
) -> None:
    with_worker(bench, **worker)
    (problem,) = (await bench.read()).problems
    assert isinstance(problem, ComposeInvalid)
    once = "which only one container can have, but a follower's new copies start while its old ones run"
    assert f"worker has {what}, {once}" in str(problem)


async def test_container_name_of_a_follower_becomes_an_alias(bench: Bench) -> None:
    with_worker(bench, container_name="the-worker")
    worker = await bench.service("worker")
    assert "container_name" not in worker
    assert worker["networks"]["default"]["aliases"] == ["the-worker"]


async def test_singleton_with_replicas_refuses_the_release(bench: Bench) -> None:
    bench.compose({}, services={"bot": {"image": "bot", "deploy": {"replicas": 3}}})
    (problem,) = (await bench.read()).problems
    assert "bot has deploy/replicas 3, but a singleton must never run twice" in str(problem)


async def test_unrun_job_is_a_warning_with_the_line_to_add(bench: Bench) -> None:
    bench.compose({"depends_on": COMPLETED}, services={"migrate": MIGRATE})
    (warning,) = (await bench.read()).warnings
    assert warning.endswith("Add `- service: migrate` to before_flip in the stack file")
    bench.stack = replace(bench.stack, before_flip=(BeforeFlip("migrate"),))
    read = await bench.read()
    assert read.warnings == ()
    assert read.model["services"]["migrate"]["labels"]["updater.rollout"] == "r-1"
    assert read.model["services"][BLUE]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


async def test_job_that_the_release_does_not_have_refuses_it(bench: Bench) -> None:
    bench.compose({})
    bench.stack = replace(bench.stack, before_flip=(BeforeFlip("migrate"),))
    with pytest.raises(ComposeInvalid, match="it has no service migrate"):
        await bench.read()
