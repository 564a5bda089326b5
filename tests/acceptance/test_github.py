"""No release is missed, and GitHub shows the result of each: in a whole environment with its own GitHub server."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from deploy.demo.docker.engine import Engine
from deploy.demo.environment import Environment, environment, logs_of, wait_until_up
from deploy.demo.processes import end_group
from deploy.demo.repository import Variant
from tests.acceptance.conftest import SHORT
from tests.acceptance.test_operator import until_step
from tests.integration.waiting import until

pytestmark = pytest.mark.engine

LIVE = ["queued", "in_progress", "success"]
CATCH_UP_SECONDS = 300.0
"""Before the worker asks GitHub for the second time."""

SHOWN_SECONDS = 300.0
"""The backoff, and the time in which a lost POST can still arrive."""


async def shown(home: Environment, expected: dict[str, list[str]], limit: float = SHOWN_SECONDS) -> None:
    """Waits until GitHub shows exactly `expected`. Raises AssertionError after `limit` seconds."""
    try:
        await until(lambda: home.github.states() == expected, limit)
    except TimeoutError:
        raise AssertionError(f"GitHub shows {home.github.states()}") from None


async def live_tag(home: Environment) -> str | None:
    current = (await home.get("/status"))["current"]
    return current["tag"] if current else None


@pytest.fixture
def package(engine: Engine, images: tuple[str, str], tmp_path: Path) -> Iterator[Environment]:
    """An environment with no live release, of one package of a repository: its tags are dates after `web/`."""

    def prepare(home: Environment) -> None:
        file = home.directory / "stack.yml"
        tags = {"pattern": "web/*", "order": "numbers"}
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "tags": tags}))

    base, traefik = images
    with environment(tmp_path / "env", engine, base=base, traefik=traefik, times=SHORT, prepare=prepare) as built:
        yield built
        print(logs_of(built))


async def test_newest_of_missed_releases_goes_live(package: Environment) -> None:
    """In the order of the stack's own tags, and none of another package."""
    home = package
    assert (await home.go_live("web/2026.01.05"))["status"] == "success"
    for name in ("web", "worker"):
        end_group(home.processes[name])
    for tag in ("web/2026.2.8", "web/2026.02.09", "web/2026.02.10", "api/2026.03.01", "web/nightly"):
        home.release(tag)
        home.publish(tag)
    for name in ("web", "worker"):
        home.start(name)
    await asyncio.to_thread(wait_until_up, home)

    async def newest_is_recorded() -> bool:
        status = await home.get("/status")
        return status["state"] == "idle" and (status["last_result"] or {}).get("tag") == "web/2026.02.10"

    await until(newest_is_recorded, CATCH_UP_SECONDS)
    assert await live_tag(home) == "web/2026.02.10"
    entries = {e["tag"]: e for e in (await home.get("/update/history"))["entries"]}
    assert {tag: (e["result"], e["version"]) for tag, e in entries.items()} == {
        "web/2026.02.10": ("success", "2026.02.10"),
        "web/2026.02.09": ("superseded", "2026.02.09"),
        "web/2026.2.8": ("superseded", "2026.2.8"),
        "web/2026.01.05": ("success", "2026.01.05"),
    }
    missed = ("web/2026.02.10", "web/2026.02.09", "web/2026.2.8")
    assert [entries[tag]["trigger"] for tag in missed] == ["reconcile"] * 3
    assert (await home.get("/status"))["last_checked_at"] is not None
    again = await home.deliver("web/2026.02.10")
    assert again["status"] in {"duplicate", "ignored"}, "a late webhook is a duplicate of the release"
    await refuses_tags_without_a_place(home)


async def refuses_tags_without_a_place(home: Environment) -> None:
    """A webhook and an apply of a tag that the order cannot read are refused with the value of `tags` to write."""
    unordered, other = await home.deliver("web/nightly"), await home.deliver("api/2026.03.01")
    assert (unordered["status"], other["status"]) == ("ignored", "ignored")
    assert 'write `tags: {pattern: "web/*", order: published}`' in unordered["reason"]
    assert 'write `tags: {pattern: "api/*", order: numbers}`' in other["reason"]
    refused = await home.post("/update/apply", {"tag": "web/nightly"})
    assert (refused.status_code, refused.json()["code"]) == (400, "tag_invalid")
    assert 'write `tags: {pattern: "web/*", order: published}`' in refused.json()["error"]
    assert await live_tag(home) == "web/2026.02.10"


@pytest.mark.parametrize("times", [{**SHORT, "bake": 10}], ids=["long bake"])
async def test_kill_and_502_create_no_second_deployment(home: Environment) -> None:
    assert (await home.go_live("v1.0.0"))["status"] == "success"
    await shown(home, {"v1.0.0": LIVE})
    home.release("v1.1.0")
    accepted = await home.announce("v1.1.0", form=True)
    home.github.weather(status=502, carried_out=True)
    await until_step(home, accepted["rollout_id"], "bake")
    worker = home.processes["worker"]
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    home.start("worker")
    result = await home.ended(accepted["rollout_id"], 300)
    assert (result["status"], result["tag"]) == ("success", "v1.1.0")
    home.github.weather()
    await shown(home, {"v1.0.0": [*LIVE, "inactive"], "v1.1.0": LIVE})
    assert [d["sha"] for d in home.github.deployments()] == [home.shas["v1.0.0"], home.shas["v1.1.0"]]
    assert [d["environment"] for d in home.github.deployments()] == ["production"] * 2


async def test_github_shows_failure_and_keeps_live_tag(home: Environment) -> None:
    assert (await home.go_live("v1.0.0"))["status"] == "success"
    result = await home.go_live("v1.1.0", Variant.BOT_FAILS)
    assert result["status"] == "rolled_back"
    await shown(home, {"v1.0.0": LIVE, "v1.1.0": ["queued", "in_progress", "failure"]})
    failure = home.github.deployments()[-1]["states"][0]
    assert failure["description"].startswith("Rolled back: the previous release has the traffic. restart_bot:")
    logs = "".join(p.read_text() for p in home.log_dir.glob("*.log"))
    assert home.env["GITHUB_TOKEN"] not in logs
    assert home.env["GITHUB_TOKEN"] not in (home.directory / "data" / "github.json").read_text()
