"""Complete rollouts on real parts: the effect of a release on the stack, seen from outside the updater."""

from pathlib import Path
from typing import Any

import pytest

from deploy.demo.docker.engine import connected
from deploy.demo.docker.projects import image_tags
from deploy.demo.environment import Environment, tree_of
from deploy.demo.repository import Variant

pytestmark = pytest.mark.engine


def running(home: Environment, *services: str) -> list[dict[str, Any]]:
    return home.containers(*services, running_only=True)


def release_images(home: Environment) -> set[str]:
    """The commits of the stack's own images."""
    with connected(home.engine.host) as client:
        tags = image_tags(client)
    own = (tag.rpartition(":") for tag in tags if tag.startswith(f"{home.project}-"))
    return {sha for name, _, sha in own if not name.endswith("gateway")}


async def test_releases_alternate_colors_and_keep_two(home: Environment) -> None:
    live_before = tree_of(home.live)
    first, second, third = [await home.go_live(tag) for tag in ("v1.0.0", "v1.1.0", "v1.2.0")]
    assert [r["status"] for r in (first, second, third)] == ["success"] * 3
    assert [r["active_color"] for r in (first, second, third)] == ["blue", "green", "blue"]
    assert second["previous_sha"] == first["new_sha"]
    assert release_images(home) == {second["new_sha"][:12], third["new_sha"][:12]}
    services = {c["Config"]["Labels"]["com.docker.compose.service"] for c in running(home)}
    assert services == {"skills-blue", "api-blue", "bot", "gateway", "traefik"}
    stopped = {c["State"]["ExitCode"] for c in home.containers("skills-green", "api-green")}
    assert stopped == {0}, "the old color stopped gracefully and is kept"
    assert (await home.sessions())["max"] == 1
    assert tree_of(home.live) == live_before, "the operator's live directory and its .env are unchanged"
    history = (await home.get("/update/history"))["entries"]
    assert [(e["tag"], e["result"]) for e in history] == [
        ("v1.2.0", "success"),
        ("v1.1.0", "success"),
        ("v1.0.0", "success"),
    ]


async def test_an_unchanged_bot_is_not_restarted(home: Environment) -> None:
    await home.go_live("v1.0.0")
    (bot,) = running(home, "bot")
    result = await home.go_live("v1.1.0", change=("skills", "api"))
    (same,) = running(home, "bot")
    assert result["status"] == "success"
    assert "skipped" in result["evidence"]["restart_bot"]
    assert (same["Id"], same["State"]["StartedAt"]) == (bot["Id"], bot["State"]["StartedAt"])
    assert (await home.sessions())["opened"] == 1


async def test_release_adds_a_variable_and_a_volume(home: Environment) -> None:
    def edit(tree: Path) -> None:
        file = tree / "docker-compose.yml"
        text = file.read_text()
        environment = 'environment: {COLOR: green, OPERATOR_VALUE: "${DEMO_OPERATOR_VALUE}"'
        (line,) = [line for line in text.splitlines() if line.strip().startswith(environment)]
        more = line.replace("{COLOR: green,", '{COLOR: green, ADDED: "yes",')
        text = text.replace(line, f"{more}\n    volumes: [notes:/notes]")
        file.write_text(text + "\nvolumes: {notes: {}}\n")

    await home.go_live("v1.0.0")
    result = await home.go_live("v1.1.0", edit=edit)
    (skills,) = running(home, "skills-green")
    assert result["status"] == "success"
    assert {"ADDED=yes", "OPERATOR_VALUE=costs $5"} <= set(skills["Config"]["Env"])
    assert [(m["Type"], m["Destination"]) for m in skills["Mounts"]] == [("volume", "/notes")]


async def test_unhealthy_release_changes_nothing_live(home: Environment) -> None:
    await home.go_live("v1.0.0")
    live = {c["Id"]: c["State"]["StartedAt"] for c in running(home)}
    route = home.route_file.read_bytes()
    result = await home.go_live("v1.1.0", Variant.UNHEALTHY)
    assert (result["status"], result["reason_code"]) == ("failed", "never_healthy")
    assert home.route_file.read_bytes() == route
    assert {c["Id"]: c["State"]["StartedAt"] for c in running(home)} == live
    assert home.containers("skills-green", "api-green") == []
    status = await home.get("/status")
    assert status["paused"]
    assert all(word in status["pause_reason"] for word in ("v1.1.0", "health_skills", "HTTP 503", "v1.0.0"))


async def test_build_failure_names_the_broken_line(home: Environment) -> None:
    await home.go_live("v1.0.0")
    result = await home.go_live("v1.1.0", Variant.BROKEN_BUILD)
    assert (result["status"], result["reason_code"]) == ("failed", "build_failed")
    assert "import asyncio (broken" in result["error"]
    assert "start_skills" not in result["steps_completed"]
    log = (home.directory / "data" / "logs" / f"{result['rollout_id']}.log").read_text()
    assert "SyntaxError" in log, "the build's output is in the rollout's log"


async def test_paused_updater_holds_then_starts_newest(
    home: Environment,
) -> None:
    await home.go_live("v1.0.0")
    await home.go_live("v1.1.0", Variant.UNHEALTHY)
    containers = {c["Id"] for c in home.containers()}
    for tag in ("v1.3.0", "v1.2.0"):
        home.release(tag)
    newest = await home.announce("v1.3.0")
    older = await home.announce("v1.2.0")
    assert (newest["status"], older["status"]) == ("accepted", "accepted")
    refused = await home.post("/update/apply", {"tag": "v1.2.0"})
    assert (refused.status_code, "v1.1.0" in refused.json()["error"]) == (423, True)
    await home.holds({"v1.3.0", "v1.2.0"})
    assert {c["Id"] for c in home.containers()} == containers, "nothing was started"
    assert (await home.post("/update/unpause")).json() == {"resumed": True, "status": "ok"}
    result = await home.ended(newest["rollout_id"], 300)
    assert (result["status"], result["tag"]) == ("success", "v1.3.0")
    history = {e["tag"]: e["result"] for e in (await home.get("/update/history"))["entries"]}
    assert history == {"v1.3.0": "success", "v1.2.0": "superseded", "v1.1.0": "failed", "v1.0.0": "success"}


async def test_unready_bot_rolls_back_route_first(home: Environment) -> None:
    await home.go_live("v1.0.0")
    (bot,) = running(home, "bot")
    result = await home.go_live("v1.1.0", Variant.BOT_FAILS)
    assert (result["status"], result["active_color"]) == ("rolled_back", "blue")
    assert result["evidence"]["rollback_route"]["rollback_ms"] < 1000 * 5
    undone = [s for s in result["steps_completed"] if s.startswith("rollback")]
    assert undone == ["rollback_route", "rollback_bot", "rollback_stop"]
    assert [c["Id"] for c in running(home, "bot")] == [bot["Id"]]
    assert (await home.sessions())["max"] == 1
    assert "docker_build" in result["steps_completed"]
    assert running(home, "skills-green", "api-green") == []
    again = await home.announce("v1.1.0")
    assert again["status"] == "accepted", "another release id with the same tag is accepted"
    await home.holds({"v1.1.0"})
    assert (await home.get("/status"))["state"] == "idle", "the updater does not retry the failed release by itself"


async def test_apply_deploys_a_tag_or_refuses_it(home: Environment) -> None:
    home.release("v1.0.0")
    assert (await home.post("/update/apply", {"tag": "v9.9.9"})).status_code == 404
    assert (await home.post("/update/apply", {"tag": "--upload-pack=x"})).status_code == 400
    queued = await home.post("/update/apply", {"tag": "v1.0.0", "version": "one"})
    assert (queued.status_code, queued.json()["status"]) == (202, "queued")
    result = await home.ended(queued.json()["rollout_id"], 300)
    assert result["status"] == "success"
    (entry,) = (await home.get("/update/history"))["entries"]
    assert (entry["version"], entry["trigger"]) == ("one", "manual")
