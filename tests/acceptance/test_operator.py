"""An operator's commands in complete rollouts on real parts (roll back, cancel, plan), and a superseding release."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.docker.engine import connected
from deploy.demo.docker.projects import image_tags
from deploy.demo.environment import Environment, compose_up, tree_of
from deploy.demo.load import Load
from deploy.demo.processes import end_group

pytestmark = pytest.mark.engine

LONG = 300.0
SLOW_BUILD = "RUN sleep 120\n"
SOON = 60.0
"""Long before SLOW_BUILD would end."""


def slow_build(tree: Path) -> None:
    file = tree / "skills" / "Dockerfile"
    file.write_text(file.read_text() + SLOW_BUILD)


async def until_step(home: Environment, rollout_id: str, step: str) -> None:
    """Waits until the rollout is in `step`. Raises TimeoutError after LONG seconds."""
    async with asyncio.timeout(LONG):
        while True:
            status = await home.get("/status")
            rollout, last = status["rollout"], status["last_result"]
            if rollout and (rollout["id"], rollout["step"]) == (rollout_id, step):
                return
            assert not last or last["rollout_id"] != rollout_id, f"the rollout ended before {step}: {last['error']}"
            await asyncio.sleep(0.05)


async def queued(home: Environment, path: str, body: dict[str, Any]) -> str:
    answer = await home.post(path, body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["rollout_id"])


def fingerprint(home: Environment) -> tuple[object, ...]:
    """Everything in the stack that a plan could change."""
    with connected(home.engine.host) as client:
        images = {tag for tag in image_tags(client) if tag.startswith(home.project)}
    containers = {(c["Id"], c["State"]["StartedAt"]) for c in home.containers()}
    return images, containers, home.route_file.read_bytes(), tree_of(home.live)


async def test_rollback_builds_nothing_fails_no_request(
    home: Environment,
) -> None:
    first, second = [await home.go_live(tag) for tag in ("v1.0.0", "v1.1.0")]
    async with Load(list(home.routes.values()), rps=50) as load:
        back = await home.ended(await queued(home, "/update/rollback", {}), LONG)
        again = await home.ended(await queued(home, "/update/rollback", {"previous_sha": second["new_sha"]}), LONG)
        report = await load.stop()
    assert (back["status"], back["tag"], back["new_sha"]) == ("success", "v1.0.0", first["new_sha"])
    assert back["steps_completed"][:2] == ["preflight", "recall_release"]
    assert (again["status"], again["tag"], again["active_color"]) == ("success", "v1.1.0", "green")
    assert report.failed == 0, report.failures
    assert set(report.versions) == {"v1.0.0", "v1.1.0"}
    assert (await home.sessions())["max"] == 1
    status = await home.get("/status")
    assert (status["paused"], "An operator rolled back" in status["pause_reason"]) == (True, True)
    await goes_back_after_a_second_apply(home)


async def goes_back_after_a_second_apply(home: Environment) -> None:
    """v1.1.0 is live: applied again, it replaces the only color that v1.0.0 was built for."""
    forced = await home.ended(await queued(home, "/update/apply", {"tag": "v1.1.0", "force": True}), LONG)
    assert (forced["status"], forced["active_color"], forced["warnings"]) == ("success", "blue", [])
    back = await home.ended(await queued(home, "/update/rollback", {}), LONG)
    assert (back["status"], back["tag"], back["active_color"]) == ("success", "v1.0.0", "green"), back["error"]


async def test_rollback_refuses_a_release_not_kept(home: Environment) -> None:
    await home.go_live("v1.0.0")
    nothing = await home.post("/update/rollback", {})
    unknown = await home.post("/update/rollback", {"previous_sha": "f" * 40})
    assert [(a.status_code, a.json()["code"]) for a in (nothing, unknown)] == [(404, "release_not_kept")] * 2


async def test_service_that_is_down_stops_the_adoption(home: Environment) -> None:
    """The state file is lost and one service of the live color is down: not even a forced release replaces the rest."""
    await home.go_live("v1.0.0")
    home.release("v1.1.0")
    end_group(home.processes["worker"])
    for file in (home.directory / "data").glob("updater-state.json*"):
        file.unlink()
    (down,) = home.containers("api-blue")
    with connected(home.engine.host) as client:
        client.containers.get(down["Id"]).stop(timeout=5)
    home.start("worker")
    before = fingerprint(home)
    refused = await home.ended(await queued(home, "/update/apply", {"tag": "v1.1.0", "force": True}), LONG)
    assert (refused["status"], refused["reason_code"]) == ("failed", "adoption_refused")
    assert "api-blue does not run" in refused["error"]
    assert fingerprint(home) == before


async def test_newer_release_supersedes_one_in_build(home: Environment) -> None:
    await home.go_live("v1.0.0")
    home.release("v1.1.0", edit=slow_build)
    home.release("v1.2.0")
    older = (await home.announce("v1.1.0"))["rollout_id"]
    await until_step(home, older, "docker_build")
    newer = await home.ended((await home.announce("v1.2.0"))["rollout_id"], LONG)
    assert (newer["status"], newer["tag"]) == ("success", "v1.2.0")
    entries = {e["tag"]: (e["result"], e["error"]) for e in (await home.get("/update/history"))["entries"]}
    assert entries["v1.1.0"][0] == "superseded"
    assert "v1.2.0" in entries["v1.1.0"][1]


async def test_cancel_ends_the_build_and_keeps_live(home: Environment) -> None:
    await home.go_live("v1.0.0")
    before = {c["Id"] for c in home.containers(running_only=True)}
    home.release("v1.1.0", edit=slow_build)
    rollout_id = (await home.announce("v1.1.0"))["rollout_id"]
    await until_step(home, rollout_id, "docker_build")
    assert (await home.post("/update/cancel", {"rollout_id": rollout_id})).status_code == 202
    result = await home.ended(rollout_id, SOON)
    assert (result["status"], result["reason_code"], result["paused"]) == ("failed", "cancelled", False)
    assert {c["Id"] for c in home.containers(running_only=True)} == before
    assert (await home.post("/update/cancel", {"rollout_id": rollout_id})).status_code == 404


async def test_plan_summarizes_and_changes_nothing(home: Environment) -> None:
    def edit(tree: Path) -> None:
        file = tree / "docker-compose.yml"
        text = file.read_text().replace("environment: {COLOR: green}", 'environment: {COLOR: green, ADDED: "secret"}')
        file.write_text(text.replace("max-size: 1m", "max-size: 2m"))

    await home.go_live("v1.0.0")
    home.release("v1.1.0", change=("skills",), edit=edit)
    before = fingerprint(home)
    plan = await home.get("/update/plan?tag=v1.1.0")
    assert fingerprint(home) == before
    assert (plan["starts"], plan["stops"]) == (["skills-green", "api-green"], ["skills-blue", "api-blue"])
    assert (plan["route"]["from"], plan["route"]["to"]) == ("blue", "green")
    assert {"service": "api-green", "added": ["ADDED"], "removed": [], "changed": []} in plan["environment_changes"]
    assert "secret" not in str(plan)
    assert {n["service"] for n in plan["not_applied"]} == {"gateway", "traefik"}
    assert plan["singletons"][0]["restarts"], "the bot's logging changed"
    assert plan["would_start"]


async def test_doctor_warns_about_plain_compose_file(home: Environment) -> None:
    await home.go_live("v1.0.0")
    checks = {c["name"]: c for c in (await home.get("/doctor"))["checks"]}
    assert {name for name, c in checks.items() if c["status"] == "failed"} == set()
    assert checks["traefik_throttle"]["found"] == "100 ms"
    assert "directory" in checks["traefik_mount"]["found"]
    assert (checks["compose_by_hand"]["status"], "COMPOSE_FILE" in checks["compose_by_hand"]["remedy"]) == (
        "warning",
        True,
    )


async def test_plain_compose_up_changes_nothing_running(home: Environment) -> None:
    await home.go_live("v1.0.0")
    await home.go_live("v1.1.0", change=("skills", "api"))
    with (home.live / ".env").open("a") as file:
        file.write(f"COMPOSE_PROJECT_NAME={home.project}\n")
        file.write(f"COMPOSE_FILE={home.directory / 'data' / 'releases' / 'current' / 'compose.json'}\n")
    before = {c["Id"]: c["State"]["StartedAt"] for c in home.containers(running_only=True)}
    checks = {c["name"]: c["status"] for c in (await home.get("/doctor"))["checks"]}
    await asyncio.to_thread(compose_up, home)
    assert {c["Id"]: c["State"]["StartedAt"] for c in home.containers(running_only=True)} == before
    assert checks["compose_by_hand"] == "ok"
    assert (await home.sessions())["max"] == 1
