"""A program that uses only the compatibility fields, like the skills service's client."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.fakes.world import World
from tests.integration.waiting import until
from tests.integration.web.conftest import Listening
from workers.control.reconcile import Reconciler

pytestmark = pytest.mark.redis

RESULT = {
    "status", "previous_sha", "new_sha", "active_color", "target_color", "paused", "pause_reason",
    "steps_completed", "error", "duration_seconds", "started_at", "completed_at",
}  # fmt: skip
STATUS = {
    "state", "current_operation", "last_result", "uptime_seconds", "active_color", "paused", "pause_reason",
    "last_checked_at", "last_attempted_tag", "last_good_tag",
}  # fmt: skip


@dataclass(frozen=True)
class Skills:
    """The client, with the names, fields and codes that the skills service has always used."""

    http: httpx.AsyncClient

    async def apply(self, tag: str, version: str) -> tuple[int, dict[str, Any]]:
        answer = await self.http.post(
            "/update/apply", json={"tag": tag, "version": version}, headers={"Prefer": "wait=90"}
        )
        return answer.status_code, answer.json()

    async def rollback(self, previous_sha: str) -> tuple[int, dict[str, Any]]:
        answer = await self.http.post(
            "/update/rollback", json={"previous_sha": previous_sha}, headers={"Prefer": "wait=90"}
        )
        return answer.status_code, answer.json()

    async def unpause(self) -> tuple[int, dict[str, Any]]:
        answer = await self.http.post("/update/unpause")
        return answer.status_code, answer.json()

    async def get(self, path: str) -> dict[str, Any]:
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        return content


@pytest.fixture
def skills(client: httpx.AsyncClient) -> Skills:
    return Skills(client)


async def test_waiting_apply_gets_the_final_result(skills: Skills, worker: Reconciler) -> None:
    code, result = await skills.apply("v1.1.0", "1.1.0")
    assert (code, result["status"], result["error"]) == (200, "success", None)
    assert result.keys() >= RESULT
    assert (result["active_color"], result["paused"]) == ("green", False)
    status = await skills.get("/status")
    assert status.keys() >= STATUS
    assert (status["state"], status["last_good_tag"], status["active_color"]) == ("idle", "v1.1.0", "green")
    (entry,) = (await skills.get("/update/history"))["entries"]
    assert (entry["tag"], entry["version"], entry["result"]) == ("v1.1.0", "1.1.0", "success")
    assert entry["timestamp"] == result["completed_at"]


async def test_failure_is_500_then_423_until_unpause(skills: Skills, worker: Reconciler, world: World) -> None:
    world.engine.behave("api", "v1.1.0", builds=False)
    code, result = await skills.apply("v1.1.0", "1.1.0")
    assert (code, result["status"], result["paused"]) == (500, "failed", True)
    assert result.keys() >= RESULT
    code, refused = await skills.apply("v1.2.0", "1.2.0")
    assert (code, refused["error"]) == (423, result["pause_reason"])
    assert await skills.unpause() == (200, {"resumed": True, "status": "ok"})
    assert (await skills.apply("v1.2.0", "1.2.0"))[0] == 200


async def test_rollback_returns_to_the_previous_release(skills: Skills, worker: Reconciler) -> None:
    _, first = await skills.apply("v1.1.0", "1.1.0")
    code, result = await skills.rollback(first["previous_sha"])
    assert code == 200, result
    assert (code, result["status"], result["new_sha"]) == (200, "success", first["previous_sha"])
    assert result.keys() >= RESULT
    assert (await skills.get("/status"))["paused"]


async def test_health_needs_no_secret(web: Listening) -> None:
    async with web.client(X_Nothing="x") as stranger:
        answer = await stranger.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_stranger_gets_401_unauthorized(web: Listening) -> None:
    async with web.client(X_Nothing="x") as stranger:
        answer = await stranger.get("/status")
    assert (answer.status_code, answer.json()["error"]) == (401, "Unauthorized")


async def test_ready_turns_200_when_the_worker_starts(skills: Skills, worker: Reconciler) -> None:
    async def ready() -> bool:
        return (await skills.http.get("/ready")).status_code == 200

    await until(ready)
