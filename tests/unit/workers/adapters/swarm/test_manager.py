import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import docker
import pytest

from app.domain.errors import EngineFailed
from tests.integration.waiting import until
from tests.unit.workers.adapters.swarm.attributes import Attributes, a_service
from tests.unit.workers.engine_http import Answers, HttpEngine, http_engine
from workers.adapters.docker_host.client import Docker
from workers.adapters.swarm.manager import ATTEMPTS, Manager, written
from workers.definition.swarm.spec import started, stopped

OUT = b"\x01\x00\x00\x00\x00\x00\x00\x09migrated\n"
NO_LEADER = (500, {"message": "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that"})
"""What a manager of Docker 20.10 answers."""

ERR = b"\x02\x00\x00\x00\x00\x00\x00\x05oops\n"


@asynccontextmanager
async def manager(answers: Answers, *, away: float = 30.0) -> AsyncIterator[tuple[Manager, HttpEngine]]:
    with http_engine(answers) as engine:
        client = docker.DockerClient(base_url=engine.host, version="1.41")
        try:
            yield Manager(Docker(client, engine.host, away=away)), engine
        finally:
            client.close()


def test_output_of_both_streams_is_read_in_order() -> None:
    assert written(OUT + ERR) == b"migrated\noops\n"
    assert written(b"") == b""


def test_what_the_manager_says_is_no_output_of_the_task() -> None:
    """It hides why the task does not run: `tail` shows the task's own error if there is no output."""
    said = b"Error grabbing logs: rpc error: some logs could not be retrieved: task t1 has not been scheduled\n"
    of_manager = bytes([3, 0, 0, 0]) + len(said).to_bytes(4, "big") + said
    assert written(of_manager) == b""
    assert written(OUT + of_manager + ERR) == b"migrated\noops\n"


async def test_services_come_newest_first() -> None:
    old, new = a_service(), {**a_service(), "ID": "s2", "CreatedAt": "2026-11-29T09:30:21.1Z"}
    async with manager({"GET /services": (200, [old, new])}) as (swarm, _):
        assert [each["ID"] for each in await swarm.services("a=b")] == ["s2", "s1"]


async def test_missing_service_is_none() -> None:
    async with manager({}) as (swarm, _):
        assert await swarm.service("shop_web") is None
        assert await swarm.change("shop_web", started) is None
        await swarm.remove("shop_web")
        assert await swarm.output("t1") == []


async def test_nothing_is_asked_of_no_service() -> None:
    async with manager({}) as (swarm, engine):
        assert await swarm.tasks([]) == []
        assert engine.asked == []


@pytest.mark.parametrize(("change", "sent"), [(stopped, 0), (started, 1)], ids=["same", "other"])
async def test_only_a_difference_is_sent(change: Callable[[Any], Attributes], sent: int) -> None:
    service = a_service(replicas=0)
    async with manager({"GET /services/s1": (200, service), "POST /services/s1/update": (200, {})}) as (swarm, engine):
        assert await swarm.change("s1", change) == service
        assert engine.asked.count("POST /v1.41/services/s1/update") == sent


async def test_change_gives_up_if_others_change_the_service_too() -> None:
    refused = (500, {"message": "rpc error: code = Unknown desc = update out of sequence"})
    answers: Answers = {"GET /services/s1": (200, a_service(replicas=0)), "POST /services/s1/update": refused}
    async with manager(answers) as (swarm, engine):
        with pytest.raises(EngineFailed, match="out of sequence"):
            await swarm.change("s1", started)
        assert engine.asked.count("POST /v1.41/services/s1/update") == ATTEMPTS


async def test_service_that_exists_already_was_created() -> None:
    """The answer to an earlier call may have been lost."""
    answers: Answers = {
        "POST /services/create": (409, {"message": "name conflicts with an existing object"}),
        "GET /services/shop_web-blue": (200, a_service()),
    }
    async with manager(answers) as (swarm, _):
        assert await swarm.create(a_service()["Spec"]) == "s1"


async def test_manager_without_a_leader_is_asked_again() -> None:
    """The others may elect one."""
    async with manager({"GET /services": NO_LEADER}, away=60.0) as (swarm, engine):
        asking = asyncio.create_task(swarm.services("a=b"))
        await until(lambda: len(engine.asked) > 1)
        engine.answers = {"GET /services": (200, [a_service()])}
        assert [each["ID"] for each in await asking] == ["s1"]


async def test_managers_without_a_leader_are_named() -> None:
    async with manager({"GET /services": NO_LEADER}, away=0.1) as (swarm, _):
        with pytest.raises(EngineFailed, match="no leader: too few of its managers answer"):
            await swarm.services("a=b")
