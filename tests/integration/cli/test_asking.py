"""The commands that ask or change something: their exit codes and output."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.state import State
from deploy.demo.clients import plain_client
from tests.integration.cli.front import Front

pytestmark = pytest.mark.redis

NOWHERE = "http://127.0.0.1:9"


def document(text: str) -> dict[str, Any]:
    (line,) = text.splitlines()
    loaded: dict[str, Any] = json.loads(line)
    return loaded


def unchecked(home: Front) -> tuple[State, list[str]]:
    """The journal and all effects, without the time of the worker's last look, which changes every minute."""
    return replace(home.world.state, looked_at=None), list(home.world.effects)


async def test_status_shows_the_live_release(home: Front) -> None:
    done = await home.run("status")
    assert (done.code, done.err) == (0, "")
    assert "v1.0.0" in done.out
    assert "on blue" in done.out
    assert document((await home.run("status", "--json")).out)["current"]["tag"] == "v1.0.0"


async def test_pause_refuses_deploys_until_unpause(home: Front) -> None:
    assert (await home.run("pause", "a holiday")).code == 0
    assert "a holiday" in (await home.run("status")).out
    refused = await home.run("deploy", "v1.1.0", "--json")
    assert refused.code == 4
    assert document(refused.out)["code"] == "paused"
    assert "a holiday" in refused.err
    assert (await home.run("unpause")).code == 0
    assert document((await home.run("status", "--json")).out)["paused"] is False


async def test_forced_deploy_overrides_a_pause(home: Front) -> None:
    await home.run("pause", "a holiday")
    assert (await home.run("deploy", "v1.1.0", "--force")).code == 0


async def test_history_lists_past_rollouts(home: Front) -> None:
    assert "The history is empty." in (await home.run("history")).out
    await home.run("deploy", "v1.1.0")
    shown = await home.run("history", "--limit", "5")
    assert "v1.1.0" in shown.out
    assert "success" in shown.out
    assert document((await home.run("history", "--json")).out)["entries"][0]["tag"] == "v1.1.0"


async def test_plan_prints_a_summary_without_changes(home: Front) -> None:
    before = unchecked(home)
    done = await home.run("plan", "v1.1.0")
    assert done.code == 0, done
    assert done.out.startswith("v1.1.0 (")
    assert "nothing was changed" in done.out
    assert document((await home.run("plan", "v1.1.0", "--json")).out)["tag"] == "v1.1.0"
    assert unchecked(home) == before


async def test_invalid_tag_exits_2_and_unknown_tag_1(home: Front) -> None:
    for command in ("deploy", "plan"):
        assert (await home.run(command, "--", "-x")).code == 2
        unknown = await home.run(command, "v9.9.9")
        assert (unknown.code, unknown.out) == (1, "")
        assert "v9.9.9" in unknown.err


async def test_wrong_secret_is_refused_and_hidden(home: Front, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("an-old-secret\n")
    done = await home.run("status", UPDATER_SECRET_PATH=str(wrong))
    assert (done.code, done.out) == (4, "")
    assert "an-old-secret" not in done.err
    assert "UPDATER_SECRET_PATH" in done.err
    assert (await home.run("status", UPDATER_SECRET_PATH=str(tmp_path / "none"))).code == 4


async def test_read_token_can_look_but_not_operate(home: Front) -> None:
    token = (await home.run("token", "--scope", "read", "--ttl", "5m", UPDATER_URL=NOWHERE)).out.strip()
    env = {"UPDATER_TOKEN": token, "UPDATER_SECRET_PATH": "/nowhere"}
    assert (await home.run("status", **env)).code == 0
    refused = await home.run("pause", "no", **env)
    assert refused.code == 4
    assert "--scope operate" in refused.err
    assert token not in refused.err


async def test_named_token_signs_what_it_changes(home: Front) -> None:
    token = (await home.run("token", "--scope", "operate", "--name", "nightly")).out.strip()
    assert (await home.run("pause", "a test", UPDATER_TOKEN=token)).code == 0
    assert '"by": "token nightly from 127.0.0.1"' in (home.directory / "web.log").read_text()


async def test_login_link_leads_to_the_dashboard_and_works_once(home: Front) -> None:
    made = await home.run("token", "--login", "--scope", "read", "--name", "anna", "--json")
    address, _, link = document(made.out)["login"].partition("/#login=")
    guard = {"X-Updater-Request": "dashboard"}
    async with plain_client(base_url=address, headers=guard) as client:
        assert [(await client.post("/login", json={"link": link})).status_code for _ in range(2)] == [200, 401]
        assert (await client.get("/session")).json()["name"] == "anna"
    assert (await home.run("token", "--login", "--scope", "read", "--ttl", "2d")).code == 2


async def test_unreachable_updater_exits_3_and_explains(home: Front) -> None:
    for words in (["status"], ["deploy", "v1.1.0"], ["logs", "-f"], ["history"], ["plan", "v1.1.0"], ["pause", "x"]):
        done = await home.run(*words, UPDATER_URL=NOWHERE)
        assert (done.code, done.out) == (3, ""), words
        assert "does not answer" in done.err
        assert "raffic is not affected" in done.err
        assert "`updater doctor`" in done.err
    in_json = await home.run("status", "--json", UPDATER_URL=NOWHERE)
    assert document(in_json.out)["code"] == "cannot_reach"


async def test_doctor_runs_local_checks_without_updater(home: Front) -> None:
    home.secret_path.chmod(0o644)
    done = await home.run("doctor", "--json", UPDATER_URL=NOWHERE)
    found = {each["name"]: each["status"] for each in document(done.out)["checks"]}
    assert done.code == 3
    assert found == {
        "updater": "failed",
        "UPDATER_URL": "ok",
        "UPDATER_SECRET_PATH": "failed",
        "UPDATER_STACK_FILE": "ok",
    }


async def test_doctor_prints_the_updaters_findings(home: Front) -> None:
    done = await home.run("doctor")
    assert done.code in {0, 1}, done
    assert "redis" in done.out
    assert "failed." in done.out.splitlines()[-1]


async def test_wrong_usage_exits_2(home: Front) -> None:
    for words in (["deploy"], ["no-such"], ["history", "--limit", "0"], ["token", "--scope", "all"]):
        assert (await home.run(*words)).code == 2, words
    assert (await home.run("token", "--scope", "read", "--ttl", "soon")).code == 2
    assert (await home.run("token", "--scope", "read", "--name", "two words")).code == 2
    assert (await home.run("status", UPDATER_URL="127.0.0.1:9090")).code == 2


async def test_notify_test_reaches_every_target(home: Front) -> None:
    done = await home.run("notify-test")
    assert (done.code, "being sent to 1 targets" in done.out) == (0, True), done
    assert document((await home.run("notify-test", "--json")).out)["targets"] == 1
    assert home.world.notifier.notices[-1].title == "shop: test message"


async def test_rollback_of_one_way_release_needs_force(home: Front) -> None:
    home.world.engine.one_ways = {"v1.1.0"}
    await home.run("deploy", "v1.1.0")
    refused = await home.run("rollback")
    assert (refused.code, "cannot be rolled back" in refused.err) == (1, True), refused
    assert (await home.run("rollback", "--force")).code == 0


async def test_deploy_of_live_tag_starts_no_rollout(home: Front) -> None:
    done = await home.run("deploy", "v1.0.0")
    assert (done.code, done.err) == (0, "")
    assert "v1.0.0" in done.out
    assert "is already live" in done.out
    as_json = await home.run("deploy", "v1.0.0", "--json")
    result = json.loads(as_json.out)
    assert (as_json.code, result["status"], result["reason_code"]) == (0, "success", "already_live")
    older = await home.run("deploy", "v0.9.0")
    assert (older.code, older.out) == (1, "")
    assert "--force" in older.err
