"""docs/from-the-sidecar.md on a running stack, under load: the takeover, the next releases, the way back.

The tests run from each of three starting points, on a new host each time, in the order in which an operator would do
these things. Clients send 20 requests a second to each route from the first test to the last, and no request may fail.
"""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from app.domain.stack import Color
from deploy.demo.docker.engine import Engine
from deploy.demo.repository import Variant
from tests.acceptance.host.old_client import Outcome
from tests.acceptance.takeover.changes import add_a_service_and_a_variable, remove_the_old_updater
from tests.acceptance.takeover.host import BOT, FIRST, OLD_UPDATER, WORKER, Host, Instances, colored
from tests.acceptance.takeover.kills import adopt_killed_at_every_write
from tests.acceptance.takeover.running import old_stack
from tests.acceptance.takeover.starts import LONGEST_REQUEST, STARTS, Start, roll_out_as_the_sidecar, take_over
from tests.acceptance.takeover.traffic import Traffic, traffic

pytestmark = pytest.mark.engine
from_one_start = pytest.mark.parametrize("start", STARTS[:1], ids=lambda start: start.name, indirect=True)
"""What does not depend on the starting point is played from one of them."""

LONG = 300.0
FEWEST_WRITES = 3
LATER_FIELDS = {"verify_signatures": True, "github_repo": "zetherion/sample-stack", "verify_identity": "someone"}


def say(text: str) -> None:
    print(f"[set-up] {text}", file=sys.stderr, flush=True)


@pytest.fixture(scope="module", params=STARTS, ids=lambda start: start.name)
def start(request: pytest.FixtureRequest) -> Start:
    """Each test of this module runs with each starting point."""
    found: Start = request.param
    return found


@pytest.fixture(scope="module")
def host(
    start: Start, engine: Engine, images: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    """A host that runs the old stack, for one starting point."""
    with old_stack(tmp_path_factory.mktemp(f"takeover-{start.name}"), engine, images, say) as host:
        yield host


@pytest.fixture(scope="module")
def adopted(host: Host) -> Instances:
    """The containers on `host` that the takeover must not touch. The tests that take over fill it."""
    return {}


@pytest.fixture(scope="module", autouse=True)
def clients(host: Host) -> Iterator[Traffic]:
    """Load from the first test to the last."""
    with traffic(list(host.routes.values()), rps_per_route=20, slow_seconds=LONGEST_REQUEST) as clients:
        yield clients


@pytest.fixture(autouse=True)
async def unharmed(host: Host, clients: Traffic) -> AsyncIterator[None]:
    """Checks after each test that no request failed and that two bots never ran at once."""
    yield
    report = clients.report
    assert report.failed == 0, report.failures
    assert (await host.sessions())["max"] == 1


async def apply(host: Host, tag: str, **more: object) -> Outcome:
    """Applies `tag` with the stack's client and returns its outcome."""
    return await asyncio.to_thread(host.caller.apply, tag, None, more)


async def warnings_of(host: Host, service: str) -> list[str]:
    """The doctor's findings about exactly that service, not about one whose name only starts with it."""
    checks = (await host.get("/doctor"))["checks"]
    texts = [f"{c['name']}: {c['found']} {c['remedy']}" for c in checks if c["status"] != "ok"]
    return [text for text in texts if re.search(rf"{service}(?![\w-])", text)]


def test_compose_up_before_adoption_changes_nothing(host: Host) -> None:
    before = host.instances()
    assert OLD_UPDATER in before
    host.type("docker compose up --detach")
    assert host.instances() == before


def test_takeover_touches_no_container(host: Host, start: Start, adopted: Instances) -> None:
    take_over(host, start)
    adopted.update(host.instances(*start.untouched))
    if start.state is not None:
        assert start.state in [file.read_text() for file in host.data.iterdir() if file.is_file()], "no copy was kept"


def test_pause_and_its_reason_are_kept(host: Host, start: Start) -> None:
    status = host.status()
    assert (status["paused"], status["last_good_tag"]) == (bool(start.pause), FIRST)
    assert start.pause in str(status["pause_reason"])
    assert start.reported in host.beside.container(WORKER).logs().decode()


@from_one_start
def test_way_back_before_the_first_release(host: Host, start: Start, adopted: Instances) -> None:
    before = host.instances(*start.untouched)
    host.follow("Back, before the first release")
    assert host.instances(*start.untouched) == before
    assert host.stack.container(OLD_UPDATER).status == "running"
    assert host.beside.containers() == []
    take_over(host, start)
    adopted.update(host.instances(*start.untouched))


async def test_killed_worker_finishes_the_adoption(host: Host, start: Start, adopted: Instances) -> None:
    reason = host.status()["pause_reason"]
    kills = await asyncio.to_thread(adopt_killed_at_every_write, host, start.state)
    assert kills > FEWEST_WRITES
    await host.worker_is_up()
    assert host.instances(*start.untouched) == adopted
    status = host.status()
    assert (status["active_color"], status["pause_reason"]) == (start.active, reason)


async def test_skills_service_calls_updater_by_name(host: Host, start: Start) -> None:
    host.release("v1.1.0")
    skills = host.skills(start.active)
    assert skills.call("status")["active_color"] == start.active
    assert skills.call("diagnostics")["git_sha"] == host.clone.sha(FIRST)
    assert skills.call("history")["entries"] is not None
    if not start.pause:
        (await host.post("/update/pause", {"reason": start.why})).raise_for_status()
    paused = skills.outcome("apply", "v1.1.0")
    assert (paused.status, paused.code) == ("failed", 423)
    assert start.why in str(paused.error)
    assert skills.call("unpause") is True
    unknown = skills.outcome("apply", "v9.9.9")
    assert (unknown.status, unknown.code) == ("failed", 404)
    live = skills.outcome("apply", FIRST, None, LATER_FIELDS)
    assert (live.status, live.new_sha, live.steps_completed) == ("success", host.clone.sha(FIRST), ())


async def test_plan_shows_the_live_and_the_next_color(host: Host, start: Start) -> None:
    plan = await host.get("/update/plan?tag=v1.1.0")
    assert plan["current"]["tag"] == FIRST
    assert (plan["route"]["from"], plan["route"]["to"]) == (start.active, start.active.other)
    assert set(plan["starts"]) == colored(start.active.other)


async def test_doctor_never_advises_stopping_live_color(host: Host, start: Start) -> None:
    checks = (await host.get("/doctor"))["checks"]
    advice = {c["name"]: f"{c['found']} {c['remedy']}" for c in checks if c["remedy"]}
    assert [text for name, text in advice.items() if start.active in name and "stop" in text] == []
    assert [c for c in checks if c["status"] == "failed"] == []


async def test_unhealthy_first_release_gets_no_traffic(host: Host, start: Start, adopted: Instances) -> None:
    host.release("v1.2.0", Variant.UNHEALTHY)
    result = await apply(host, "v1.2.0")
    assert (result.status, result.code) == ("failed", 500)
    assert "HTTP 503" in str(result.error)
    assert host.instances(*start.untouched) == adopted
    assert host.status()["paused"]
    assert host.caller.unpause()


async def test_first_release_rolls_back_if_bot_fails(host: Host, start: Start, adopted: Instances) -> None:
    host.release("v1.3.0", Variant.BOT_FAILS)
    result = await apply(host, "v1.3.0")
    assert (result.status, result.health_check_passed) == ("rolled_back", False)
    assert "route_switch" in result.steps_completed
    status = host.status()
    assert (status["active_color"], status["current"]["tag"]) == (start.active, FIRST)
    assert host.instances(*start.untouched - {BOT}) == {k: v for k, v in adopted.items() if k != BOT}
    assert (await host.sessions())["versions"][-1] == FIRST
    assert host.caller.unpause()


async def test_first_release_goes_to_the_other_color(host: Host, start: Start) -> None:
    result = await apply(host, "v1.1.0")
    assert (result.status, result.new_sha) == ("success", host.shas["v1.1.0"]), result.error
    new, old = colored(start.active.other), colored(start.active)
    assert host.status()["active_color"] == start.active.other
    assert host.running_of(new | old) == new


async def test_rollback_starts_the_adopted_containers(host: Host, start: Start, adopted: Instances) -> None:
    result = await asyncio.to_thread(host.caller.rollback, host.clone.sha(FIRST))
    assert (result.status, result.new_sha) == ("success", host.clone.sha(FIRST)), result.error
    assert host.status()["active_color"] == start.active
    serving = host.instances(*colored(start.active))
    assert {name: found[0] for name, found in serving.items()} == {name: adopted[name][0] for name in serving}
    assert "docker_build" not in result.steps_completed
    assert host.caller.unpause()


async def test_a_good_release_goes_live(host: Host, start: Start) -> None:
    host.release("v1.4.0")
    result = await apply(host, "v1.4.0", **LATER_FIELDS)
    assert result.status == "success", result.error
    assert host.status()["active_color"] == start.active.other
    assert (await host.sessions())["versions"][-1] == "v1.4.0"
    again = await apply(host, "v1.4.0")
    assert (again.status, again.steps_completed) == ("success", ())


async def test_doctor_warns_while_old_updater_is_in_file(host: Host) -> None:
    assert await warnings_of(host, OLD_UPDATER)


async def test_release_rolls_back_when_bot_fails(host: Host) -> None:
    host.release("v1.5.0", Variant.BOT_FAILS)
    result = await apply(host, "v1.5.0")
    assert result.status == "rolled_back"
    assert host.status()["current"]["tag"] == "v1.4.0"
    assert (await host.sessions())["versions"][-1] == "v1.4.0"
    assert host.caller.unpause()


def test_compose_up_after_adoption_changes_nothing(host: Host) -> None:
    before, routes = host.instances(), host.route_text()
    host.type("docker compose up --detach")
    assert host.instances() == before
    assert host.route_text() == routes
    assert OLD_UPDATER not in before


async def test_a_release_adds_a_service_and_a_variable(host: Host, start: Start) -> None:
    host.release("v1.6.0", edit=add_a_service_and_a_variable)
    host.type("echo GREETING=hello >> .env")
    plan = await host.get("/update/plan?tag=v1.6.0")
    assert "notes" in json.dumps(plan["not_applied"])
    result = await apply(host, "v1.6.0")
    assert result.status == "success", result.error
    skills = host.stack.container(f"zetherion-ai-skills-{start.active}")
    assert "GREETING=hello" in skills.attrs["Config"]["Env"]
    before = host.instances()
    host.type("docker compose up --detach notes")
    assert set(host.instances()) - set(before) == {"notes"}
    assert host.instances(*before) == before


@from_one_start
async def test_webhook_release_removes_the_old_updater(host: Host) -> None:
    host.follow("13.")
    host.look_up()
    host.release("v1.7.0", edit=remove_the_old_updater)
    result = await host.ended((await host.announce("v1.7.0"))["rollout_id"], LONG)
    assert result["status"] == "success", result["error"]
    assert await warnings_of(host, OLD_UPDATER) == []


@from_one_start
async def test_rollback_by_sha_returns_to_that_release(host: Host) -> None:
    result = await asyncio.to_thread(host.caller.rollback, host.shas["v1.6.0"])
    assert (result.status, result.new_sha) == ("success", host.shas["v1.6.0"]), result.error


@from_one_start
def test_return_to_sidecar_keeps_live_release(host: Host) -> None:
    before = host.instances(*colored(Color(host.status()["active_color"])), BOT, "traefik")
    host.follow("Back, after a release")
    assert host.instances(*before) == before
    assert host.stack.container(OLD_UPDATER).status == "running"
    assert host.beside.containers() == []
    assert host.clone.sha() == host.shas["v1.6.0"]


@from_one_start
def test_takeover_again_adopts_sidecar_rollout(host: Host, start: Start) -> None:
    """The updater's state file still exists, and names the color that the sidecar has stopped."""
    assert json.loads((host.data / "updater-state.json").read_text())["active_color"] == start.active
    roll_out_as_the_sidecar(host, start.active.other)
    before = host.instances(*colored(start.active.other), BOT, "traefik")
    output = host.follow("7.", "8.", "9.", "10.")
    assert '"pause_reason": "back to the sidecar' in output, "the sidecar's pause is not shown"
    host.look_up()
    status = host.status()
    assert (status["active_color"], status["current"]["adopted"]) == (start.active.other, True)
    assert f"Another program moved your traffic to {start.active.other}" in status["pause_reason"]
    assert host.instances(*before) == before
    assert host.running_of(colored(start.active)) == set()
    assert host.caller.unpause()
