from dataclasses import replace

import pytest

from app.domain.errors import TagNotFound
from app.domain.ran import Ran
from app.domain.routing.networks import Choice
from app.domain.stack import BeforeFlip, Color, Follower
from app.domain.withdrawal import Withdrawal
from tests.examples import NOW, a_live, a_stack, sha_of
from tests.fakes.world import World
from workers.inspect.plan import plan
from workers.ports import Room


async def test_plan_lists_images_services_and_route(world: World) -> None:
    world.source.unchanged = {"bot"}
    planned = (await plan(world.stack, world.ports, "v1.1.0")).as_json()
    assert (planned["tag"], planned["sha"], planned["current"]) == (
        "v1.1.0",
        sha_of("v1.1.0"),
        {"tag": "v1.0.0", "sha": sha_of("v1.0.0"), "adopted": False},
    )
    assert (planned["starts"], planned["stops"]) == (["skills-green", "api-green"], ["skills-blue", "api-blue"])
    assert planned["route"] == {"from": Color.BLUE, "to": Color.GREEN, "routers": ["updater-skills", "updater-api"]}
    assert [(i["service"], i["builds"]) for i in planned["images"]] == [
        ("skills-green", True),
        ("api-green", True),
        ("bot", True),
    ]
    assert planned["singletons"] == [
        {"name": "bot", "service": "bot", "restarts": False, "reason": "nothing about it changed"}
    ]
    assert (planned["would_start"], planned["blocked_by"]) == (True, [])


async def test_plan_says_how_many_copies_start(world: World) -> None:
    world.engine.behave("api", "v1.1.0", copies=3)
    await world.journal.update(lambda s: replace(s, current=replace(a_live("v1.0.0"), copies={"skills": 1, "api": 2})))
    planned = (await plan(world.stack, world.ports, "v1.1.0")).as_json()
    assert planned["copies"] == [
        {"service": "skills-green", "copies": 1, "before": 1},
        {"service": "api-green", "copies": 3, "before": 2},
    ]


async def test_plan_lists_followers_and_jobs() -> None:
    world = World(a_stack(followers=(Follower("queue", "worker"),), before_flip=(BeforeFlip("migrate"),)))
    for tag in ("v1.0.0", "v1.1.0"):
        world.engine.behave("worker", tag, copies=3)
    await world.live("v1.0.0")
    planned = (await plan(world.stack, world.ports, "v1.1.0")).as_json()
    assert planned["followers"] == [
        {"name": "queue", "service": "worker", "copies": 3, "replaced": True, "reason": "worker changed"}
    ]
    assert [image["service"] for image in planned["images"]][-2:] == ["worker", "migrate"]
    (job,) = planned["before_flip"]
    assert (job["step"], job["command"], job["runs"]) == ("before_flip_1_migrate", [], True)


async def test_plan_warns_of_unmoved_and_own_changes() -> None:
    world = World()
    world.engine.others, world.engine.own = [("postgres", "it is new")], ["updater-worker"]
    planned = (await plan(world.stack, world.ports, "v1.0.0")).as_json()
    assert planned["not_applied"] == [{"service": "postgres", "reason": "it is new"}]
    assert [warning.partition(":")[0] for warning in planned["warnings"]] == [
        "the release also changes postgres",
        "the release also changes updater-worker",
    ]
    assert "replaces itself when the release is live" in planned["warnings"][1]


async def test_plan_warns_of_callers_of_a_color(world: World) -> None:
    world.engine.callers = ["`bot` calls `skills-blue` in its variable SKILLS_URL: …"]
    planned = (await plan(world.stack, world.ports, "v1.1.0")).as_json()
    assert planned["warnings"] == world.engine.callers
    assert planned["would_start"]


async def test_plan_says_which_of_several_networks_is_used(world: World) -> None:
    world.engine.networks = {f"skills-{c}": Choice("shop_front", f"why {c}") for c in Color} | {
        "api-green": Choice(None)
    }
    (planned,) = (await plan(world.stack, world.ports, "v1.1.0")).networks
    assert (planned.service, planned.network, planned.reason) == ("skills-green", "front", "why green")


async def test_a_plan_changes_nothing(world: World) -> None:
    before = world.state
    await plan(world.stack, world.ports, "v1.1.0")
    assert (world.state, world.effects, world.publisher.events) == (before, [], [])


async def test_a_bot_whose_files_changed_restarts(world: World) -> None:
    planned = (await plan(world.stack, world.ports, "v1.1.0")).as_json()
    assert (planned["singletons"][0]["restarts"], planned["singletons"][0]["reason"]) == (True, "bot changed")


async def test_first_release_is_planned_on_blue() -> None:
    world = World()
    planned = (await plan(world.stack, world.ports, "v1.0.0")).as_json()
    assert (planned["current"], planned["target_color"], planned["stops"]) == (None, Color.BLUE, [])
    assert planned["singletons"][0]["reason"] == "it starts for the first time"


async def test_plan_lists_every_blocking_reason(world: World) -> None:
    await world.journal.update(lambda s: s.pause("fix it"))
    world.room = Room(0, 10**12)
    planned = (await plan(world.stack, world.ports, "v0.9.0")).as_json()
    assert not planned["would_start"]
    for part in ("paused: fix it", "v0.9.0 is not newer than the live v1.0.0", "GB of disk"):
        assert part in "; ".join(planned["blocked_by"])


async def test_forbidden_option_blocks_the_release(world: World) -> None:
    world.engine.forbidden["v1.1.0"] = "bot uses privileged (privileged: true)"
    planned = (await plan(world.stack, world.ports, "v1.1.0")).as_json()
    (blocked,) = planned["blocked_by"]
    assert not planned["would_start"]
    assert blocked.startswith("policy_refused: bot uses privileged (privileged: true). Remove that")
    assert "policy/forbid" in blocked


async def test_missing_tag_has_no_plan(world: World) -> None:
    with pytest.raises(TagNotFound):
        await plan(world.stack, world.ports, "v9.9.9")


async def test_plan_lists_before_flip_commands() -> None:
    world = World(a_stack(before_flip=(BeforeFlip("skills", ("migrate", "up"), 60),)))
    await world.live("v1.0.0")
    command = {"step": "before_flip_1_skills", "service": "skills", "command": ["migrate", "up"], "limit": 60}
    assert (await plan(world.stack, world.ports, "v1.1.0")).as_json()["before_flip"] == [{**command, "runs": True}]
    done = replace(Ran.of(sha_of("v1.1.0"), world.stack.before_flip[0], world.stack), completed=True)
    await world.journal.update(lambda s: s.run(done))
    assert (await plan(world.stack, world.ports, "v1.1.0")).as_json()["before_flip"] == [{**command, "runs": False}]


async def test_refused_adoption_blocks_the_plan() -> None:
    world = World()
    await world.before_the_updater()
    for instance in await world.engine.find("api-blue"):
        await world.engine.stop(instance.id, 1)
    found = (await plan(world.stack, world.ports, "v1.1.0")).as_json()
    assert not found["would_start"]
    assert "api-blue does not run" in found["adoption_refused"]
    assert found["adoption_refused"] in found["blocked_by"]


async def test_plan_shows_the_warnings_of_an_adoption() -> None:
    world = World()
    await world.before_the_updater()
    for instance in await world.engine.find("bot"):
        await world.engine.stop(instance.id, 1)
    warnings = (await plan(world.stack, world.ports, "v1.1.0")).warnings
    assert [text for text in warnings if text.startswith("bot does not run")], warnings


async def test_adopted_release_is_planned_as_live() -> None:
    world = World()
    await world.before_the_updater(Color.GREEN)
    await world.worker().start()
    found = (await plan(world.stack, world.ports, "v1.1.0")).as_json()
    assert (found["current"]["adopted"], found["target_color"]) == (True, Color.BLUE)
    assert found["stops"] == ["skills-green", "api-green"]
    assert found["adoption_refused"] is None


async def test_retired_service_in_release_is_named(world: World) -> None:
    world.engine.retired = ["old-updater"]
    planned = (await plan(world.stack, world.ports, "v1.1.0")).as_json()
    assert (planned["retired"], planned["not_applied"]) == (["old-updater"], [])
    assert planned["warnings"] == [
        "v1.1.0 still has old-updater, which stack.yml retires: not built, started or published. Delete it in v1.1.0."
    ]


async def test_plan_warns_of_a_withdrawn_release(world: World) -> None:
    gone = Withdrawal("1:7", "v1.1.0", NOW, "its release was deleted on GitHub")
    await world.journal.update(lambda s: replace(s, withdrawn=(gone,)))
    (warning,) = (await plan(world.stack, world.ports, "v1.1.0")).warnings
    assert "deleted on GitHub" in warning
    assert "`updater deploy v1.1.0`" in warning
    assert (await plan(world.stack, world.ports, "v1.2.0")).warnings == ()
