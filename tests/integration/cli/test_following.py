"""Following a rollout from the command line, on a real web process and a real Redis."""

import asyncio
import json
import signal
from asyncio.subprocess import Process
from typing import Any

import pytest

from tests.examples import sha_of, step_names
from tests.integration.cli.front import COMMAND_SECONDS, Front
from tests.integration.waiting import until

pytestmark = pytest.mark.redis


async def line_with(process: Process, words: str) -> str:
    """Returns the next line of standard output that contains `words`."""
    assert process.stdout is not None
    async with asyncio.timeout(COMMAND_SECONDS):
        while line := (await process.stdout.readline()).decode():
            if words in line:
                return line
    raise AssertionError(f"the command ended without printing {words!r}")


async def rest_of(process: Process) -> str:
    out, err = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS)
    return out.decode() + err.decode()


def documents(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


async def test_deploy_follows_the_rollout_to_a_summary(home: Front) -> None:
    done = await home.run("deploy", "v1.1.0")
    assert (done.code, done.err) == (0, "")
    for step in step_names(home.world.stack):
        assert f"{step} " in done.out
    assert "v1.1.0 success in" in done.out
    assert f"live before  v1.0.0 ({sha_of('v1.0.0')[:12]})" in done.out
    assert f"live now     v1.1.0 ({sha_of('v1.1.0')[:12]}) on green" in done.out
    for figure in ("ms from the rename", "down for", "probes, 0 errors"):
        assert figure in done.out


async def test_deploy_json_prints_only_the_final_result(home: Front) -> None:
    done = await home.run("deploy", "v1.1.0", "--json")
    (result,) = documents(done.out)
    assert done.code == 0
    assert (result["status"], result["tag"], result["active_color"]) == ("success", "v1.1.0", "green")
    assert result["steps_completed"] == list(step_names(home.world.stack))
    assert (result["paused"], result["previous_sha"]) == (False, sha_of("v1.0.0"))
    assert "route_switch" in done.err


async def test_failed_deploy_exits_1_with_the_reason(home: Front) -> None:
    home.world.engine.behave("api", "v1.1.0", builds=False)
    done = await home.run("deploy", "v1.1.0")
    assert done.code == 1
    assert "v1.1.0 failed" in done.out
    assert "docker_build failed" in done.out
    assert "it stayed live" in done.out
    assert "no such file" in done.out
    assert "`updater unpause`" in done.out


async def test_rolled_back_deploy_exits_1_and_pauses(home: Front) -> None:
    home.world.engine.behave("bot", "v1.1.0", status=500)
    done = await home.run("deploy", "v1.1.0", "--json")
    (result,) = documents(done.out)
    assert (done.code, result["status"]) == (1, "rolled_back")
    again = await home.run("deploy", "v1.2.0")
    assert again.code == 4
    assert "The updater is paused: v1.1.0 is not live." in again.err
    assert "traffic is not affected" in again.err
    assert again.out == ""


async def test_deploy_no_wait_returns_when_queued(home: Front) -> None:
    home.source.gate.clear()
    done = await home.run("deploy", "v1.1.0", "--no-wait", "--json")
    (answer,) = documents(done.out)
    assert (done.code, answer["status"]) == (0, "queued")


async def test_follow_survives_a_web_restart(home: Front) -> None:
    home.source.gate.clear()
    async with home.command("deploy", "v1.1.0") as process:
        await line_with(process, "git_fetch_tags")
        await home.stop_web()
        await line_with(process, "does not answer")
        home.source.gate.set()
        await home.start_web()
        rest = await rest_of(process)
    assert "The updater answers again." in rest
    assert "v1.1.0 success" in rest
    assert process.returncode == 0


async def test_status_watch_follows_the_running_rollout(home: Front) -> None:
    home.source.gate.clear()
    await home.run("deploy", "v1.1.0", "--no-wait")
    await until(lambda: home.world.state.rollout is not None)
    async with home.command("status", "--watch", "--json") as process:
        first = json.loads(await line_with(process, "{"))
        home.source.gate.set()
        rest = documents(await rest_of(process))
    assert (first["tag"], first["phase"]) == ("v1.1.0", "running")
    assert [each["percent"] for each in rest[:-1]] == sorted(each["percent"] for each in rest[:-1])
    assert (rest[-1]["status"], process.returncode) == ("success", 0)


async def test_status_watch_waits_for_the_next_rollout(home: Front) -> None:
    async with home.command("status", "--watch") as process:
        await line_with(process, "Waiting for the next one")
        home.source.gate.clear()
        await home.run("deploy", "v1.1.0", "--no-wait")
        await line_with(process, "git_fetch_tags")
        home.source.gate.set()
        assert "v1.1.0 success" in await rest_of(process)


async def test_interrupt_ends_following_not_the_rollout(home: Front) -> None:
    home.source.gate.clear()
    async with home.command("deploy", "v1.1.0") as process:
        await line_with(process, "git_fetch_tags")
        process.send_signal(signal.SIGINT)
        assert "The rollout continues" in await rest_of(process)
    assert process.returncode == 130
    home.source.gate.set()
    await until(lambda: home.world.state.last_good_tag == "v1.1.0")


async def test_superseded_deploy_exits_1(home: Front) -> None:
    home.source.gate.clear()
    async with home.command("deploy", "v1.1.0") as process:
        await line_with(process, "git_fetch_tags")
        await home.run("deploy", "v1.2.0", "--no-wait")
        home.source.gate.set()
        rest = await rest_of(process)
    assert "superseded" in rest
    assert process.returncode == 1


async def test_rollback_returns_to_the_previous_release(home: Front) -> None:
    await home.run("deploy", "v1.1.0")
    done = await home.run("rollback")
    assert done.code == 0, done
    assert "v1.0.0 success" in done.out
    assert home.world.state.current is not None
    assert home.world.state.current.tag == "v1.0.0"


async def test_rollback_says_first_what_changed_since(home: Front) -> None:
    await home.run("deploy", "v1.1.0")
    home.world.engine.changed = {"bot": ("DB_PASSWORD", "NEW")}
    planned = await home.run("plan", "--rollback")
    assert planned.out.splitlines()[1:] == [
        "v1.0.0 starts with the values of its own rollout. Today's files have others (names only):",
        "  bot: DB_PASSWORD, NEW",
        "`updater rollback --current-env` starts it with today's.",
        "This is a plan: nothing was changed.",
    ]
    done = await home.run("rollback")
    assert done.code == 0, done
    assert done.out.startswith("v1.0.0 starts with the values of its own rollout.")
    assert home.world.engine.recalled_from is None


async def test_rollback_with_todays_values(home: Front) -> None:
    await home.run("deploy", "v1.1.0")
    home.world.engine.changed = {"bot": ("DB_PASSWORD",)}
    done = await home.run("rollback", "--current-env", "--json")
    assert (done.code, json.loads(done.out)["evidence"]["recall_release"]["current_env"]) == (0, True), done
    assert home.world.engine.recalled_from is not None
    assert "values" not in done.err


async def test_plan_is_of_a_tag_or_of_a_rollback(home: Front) -> None:
    for words in (["plan"], ["plan", "v1.1.0", "--rollback"]):
        done = await home.run(*words)
        assert (done.code, "Give a tag, or --rollback." in done.err) == (2, True), done


async def test_cancel_before_the_flip_ends_the_rollout(home: Front) -> None:
    home.source.gate.clear()
    async with home.command("deploy", "v1.1.0") as process:
        await line_with(process, "git_fetch_tags")
        rollout = home.world.state.rollout
        assert rollout is not None
        cancelled = await home.run("cancel", rollout.id)
        home.source.gate.set()
        rest = await rest_of(process)
    assert cancelled.code == 0
    assert "cancelled" in rest
    assert process.returncode == 1
    assert (await home.run("cancel", rollout.id)).code == 1


async def test_logs_show_last_rollout_and_end_with_it(home: Front) -> None:
    home.source.gate.clear()
    answer = documents((await home.run("deploy", "v1.1.0", "--no-wait", "--json")).out)[0]
    async with home.command("logs", answer["rollout_id"], "-f") as process:
        await line_with(process, "preflight: done")
        home.source.gate.set()
        followed = await rest_of(process)
    assert "building api-green" in followed
    assert process.returncode == 0
    whole = await home.run("logs")
    assert whole.out.endswith(followed)
    lines = documents((await home.run("logs", "--json")).out)
    assert "".join(f"{each['line']}\n" for each in lines) == whole.out
    assert {each["rollout_id"] for each in lines} == {answer["rollout_id"]}


async def test_logs_refuse_an_unknown_rollout(home: Front) -> None:
    for words in (["logs", "r-none"], ["logs", "r-none", "-f"], ["logs"]):
        done = await home.run(*words)
        assert (done.code, done.out) == (1, "")
