"""The release policy in complete rollouts on real parts: signed tags, approvals and forbidden options."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis.asyncio import Redis

from app.domain.stack import Forbid
from deploy.demo.docker.engine import Engine
from deploy.demo.environment import Environment, environment, logs_of
from deploy.demo.processes import end_group
from tests.acceptance.conftest import SHORT
from tests.integration.git.signing import Signer, need_ssh_keygen

pytestmark = pytest.mark.engine

LONG = 300.0
PATIENT = {**SHORT, "health": 60, "ready": 60}
"""Short times, because these tests have no slow part."""


@pytest.fixture
def alice(tmp_path: Path) -> Signer:
    need_ssh_keygen()
    return Signer(tmp_path, "alice@example.invalid")


@pytest.fixture
def home(engine: Engine, images: tuple[str, str], tmp_path: Path, alice: Signer) -> Iterator[Environment]:
    """An environment in which only Alice's tags without power over the host go live, each after an approval.

    No release is live.
    """
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(alice.line('namespaces="git"') + "\n")

    def prepare(home: Environment) -> None:
        file = home.directory / "stack.yml"
        policy = {"require_signed_tag": str(allowed), "forbid": [str(option) for option in Forbid]}
        stack = {**yaml.safe_load(file.read_text()), "policy": policy}
        file.write_text(yaml.safe_dump(stack))
        home.env["UPDATE_REQUIRE_APPROVAL"] = "true"

    base, traefik = images
    with environment(tmp_path / "env", engine, base=base, traefik=traefik, times=PATIENT, prepare=prepare) as built:
        yield built
        print(logs_of(built))


def mounts_the_socket(tree: Path) -> None:
    file = tree / "docker-compose.yml"
    text = file.read_text()
    assert "  bot:\n" in text
    bind = "/var/run/../run/docker.sock:/engine"
    file.write_text(text.replace("  bot:\n", f"  bot:\n    volumes: ['{bind}']\n"))


async def announced(home: Environment, tag: str, signer: Signer | None, **more: Any) -> str:
    """Announces a release, waits until it is held, and returns its rollout id."""
    home.release(tag, **more)
    if signer:
        signer.tag(home.repository, tag, "--force")
    rollout_id = str((await home.announce(tag))["rollout_id"])
    await home.holds({tag})
    return rollout_id


async def approve(home: Environment, tag: str) -> None:
    answer = await home.post("/update/approve", {"tag": tag})
    assert (answer.status_code, answer.json()["held_for"]) == (202, None), answer.text


async def lose_worker_and_redis(home: Environment) -> None:
    """Kills the worker (-9), empties Redis, and starts the worker again."""
    home.processes["worker"].kill()
    end_group(home.processes["worker"])
    async with Redis.from_url(home.env["REDIS_URL"]) as redis:
        await redis.flushall()
    home.start("worker")


async def test_only_signed_approved_releases_go_live(home: Environment, alice: Signer) -> None:
    first = await announced(home, "v1.0.0", alice)
    await lose_worker_and_redis(home)
    await home.holds({"v1.0.0"})
    await approve(home, "v1.0.0")
    assert (await home.ended(first, LONG))["status"] == "success"

    unsigned = await announced(home, "v1.1.0", None)
    before = {container["Id"] for container in home.containers()}
    await approve(home, "v1.1.0")
    refused = await home.ended(unsigned, LONG)
    assert (refused["status"], refused["reason_code"], refused["paused"]) == ("failed", "signature_refused", False)
    assert {container["Id"] for container in home.containers()} == before

    powerful = await announced(home, "v1.1.1", alice, edit=mounts_the_socket)
    await approve(home, "v1.1.1")
    refused = await home.ended(powerful, LONG)
    assert (refused["status"], refused["reason_code"], refused["paused"]) == ("failed", "policy_refused", False)
    assert "bot uses docker_socket (volumes: /var/run/../run/docker.sock)" in refused["error"]
    assert {container["Id"] for container in home.containers()} == before

    signed = await announced(home, "v1.2.0", alice)
    await approve(home, "v1.2.0")
    assert (await home.ended(signed, LONG))["status"] == "success"
    assert (await home.get("/status"))["current"]["tag"] == "v1.2.0"
