from dataclasses import replace
from typing import Any

import pytest

from app.domain.errors import ComposeInvalid
from app.domain.stack import BeforeFlip, Color, Follower, Stack, Updater
from tests.examples import a_stack, sha_of
from workers.definition.colors import SINGLES, with_singles
from workers.definition.environment import marked
from workers.definition.fingerprint import fingerprint
from workers.definition.transform import (
    as_it_runs,
    compare,
    image_name,
    one_way,
    release_in,
    restamp,
    transform,
)
from workers.ports import Comparison, Stamp

STACK = a_stack(routed=a_stack().routed[1:])
SHA = sha_of("v1.1.0")
STAMP = Stamp("v1.1.0", SHA, "r-1")


def color_of_api(**change: Any) -> dict[str, Any]:
    return {
        "build": {"context": "/data/trees/abc/api", "dockerfile": "Dockerfile"},
        "image": "shop-api",
        "restart": "always",
        "environment": {"MODE": "live"},
        "labels": {"team": "shop"},
        **change,
    }


def model() -> dict[str, Any]:
    """The output of `compose config`."""
    return {
        "name": "shop",
        "services": {
            "api-blue": color_of_api(),
            "api-green": color_of_api(restart="on-failure"),
            "bot": {"image": "registry.example/bot:1.1.0", "restart": "always"},
            "postgres": {"image": "postgres:16", "restart": "always", "build": {"context": "/srv/shop/postgres"}},
        },
        "volumes": {"pg": {"name": "shop_pg"}},
    }


def transformed(source: dict[str, Any]) -> dict[str, Any]:
    return transform(source, STACK, STAMP)


@pytest.mark.parametrize("mode", [None, "host", "service:vpn", "none"])
def test_name_of_a_singleton_becomes_an_alias_where_it_has_networks(mode: str | None) -> None:
    """Compose refuses a service with both network_mode and networks."""
    source = model()
    source["services"]["bot"] |= {"container_name": "shop-bot", **({"network_mode": mode} if mode else {})}
    bot = transformed(source)["services"]["bot"]
    assert "container_name" not in bot
    assert bot.get("networks") == (None if mode else {"default": {"aliases": ["shop-bot"]}})


def with_a_job() -> dict[str, Any]:
    """A model in which every service waits for migrate, which has a profile."""
    released = model()
    for service in released["services"].values():
        service["depends_on"] = {"migrate": {"condition": "service_completed_successfully"}}
    released["services"]["migrate"] = {"build": {"context": "/data/trees/abc/migrate"}, "profiles": ["tools"]}
    return released


JOB = replace(STACK, before_flip=(BeforeFlip("migrate"),), followers=(Follower("queue", "postgres"),))


def test_job_is_built_for_the_release() -> None:
    job = transform(with_a_job(), JOB, STAMP)["services"]["migrate"]
    assert (job["image"], job["pull_policy"]) == (image_name("shop", "migrate", SHA), "never")
    assert job["labels"]["updater.rollout"] == "r-1"
    with pytest.raises(ComposeInvalid, match="it has no service migrate, but the stack file names it"):
        transform(model(), JOB, STAMP)


def test_published_model_neither_runs_a_job_nor_waits_for_it() -> None:
    live = as_it_runs(transform(with_a_job(), JOB, STAMP), None, JOB, Color.GREEN, {}, sha=SHA)["services"]
    assert live["migrate"]["profiles"] == ["updater-job"]
    assert [name for name, service in live.items() if "depends_on" in service] == []


def test_recalled_release_may_be_older_than_a_job() -> None:
    kept, stack = transformed(with_a_job()), replace(JOB, followers=())  # migrate was a service that no rollout moves
    assert restamp(kept, stack, Stamp("v1.1.0", SHA, "r-2"))["services"]["migrate"] == kept["services"]["migrate"]
    del kept["services"]["migrate"]
    restamp(kept, stack, Stamp("v1.1.0", SHA, "r-2"))
    assert not one_way(kept, stack)


def test_service_that_was_not_moved_before_is_new() -> None:
    stamped = transform(with_a_job(), JOB, STAMP)
    (job,) = [d for d in compare(stamped, transformed(with_a_job()), JOB, tree="/t").moved if d.service == "migrate"]
    assert job.redefined is None


def own_labels(service: dict[str, Any], **more: str) -> dict[str, str]:
    return {
        "updater.stack": "shop",
        "updater.service": "api",
        "updater.release": "v1.1.0",
        "updater.sha": SHA,
        "updater.rollout": "r-1",
        "updater.definition": fingerprint(service, {}),
        **more,
    }


def test_transform_yields_the_expected_model() -> None:
    build = {"context": "/data/trees/abc/api", "dockerfile": "Dockerfile", "labels": {"updater.stack": "shop"}}
    moved = {"build": build, "image": f"shop-api-blue:{SHA[:12]}", "pull_policy": "never", "restart": "unless-stopped"}
    blue = color_of_api(**moved)
    green = color_of_api(**moved | {"image": f"shop-api-green:{SHA[:12]}", "restart": "on-failure"})
    bot = {"image": "registry.example/bot:1.1.0", "restart": "unless-stopped"}
    assert transformed(model()) == {
        "name": "shop",
        "services": {
            "api-blue": blue | {"labels": {"team": "shop", **own_labels(blue, **{"updater.color": "blue"})}},
            "api-green": green | {"labels": {"team": "shop", **own_labels(green, **{"updater.color": "green"})}},
            "bot": {**bot, "labels": own_labels(bot, **{"updater.service": "bot", "updater.singleton": "true"})},
            "postgres": model()["services"]["postgres"],
        },
        "volumes": {"pg": {"name": "shop_pg"}},
    }


def test_given_model_is_not_changed() -> None:
    given = model()
    transformed(given)
    assert given == model()


@pytest.mark.parametrize("restart", ["no", "on-failure", "unless-stopped", None])
def test_only_restart_always_is_changed(restart: str | None) -> None:
    source = model()
    source["services"]["bot"]["restart"] = restart
    assert transformed(source)["services"]["bot"]["restart"] == restart


@pytest.mark.parametrize(
    ("condition", "then"),
    [("any", "unless-stopped"), ("always", "unless-stopped"), ("on-failure", "on-failure"), ("none", "none")],
)
def test_restart_policy_of_deploy_leaves_a_stopped_container_alone(condition: str, then: str) -> None:
    """Compose prefers it to `restart`, and hands `any` to the engine as `always`."""
    source = model()
    source["services"]["bot"]["deploy"] = {"replicas": 1, "restart_policy": {"condition": condition, "delay": "5s"}}
    assert transformed(source)["services"]["bot"]["deploy"] == {
        "replicas": 1,
        "restart_policy": {"condition": then, "delay": "5s"},
    }


def test_a_missing_service_is_refused_by_name() -> None:
    source = model()
    del source["services"]["bot"], source["services"]["api-green"]
    with pytest.raises(ComposeInvalid, match="no service api-green, bot"):
        transformed(source)


@pytest.mark.parametrize("name", ["bot", "updater-worker"])
def test_service_that_is_a_program_is_refused(name: str) -> None:
    source = model()
    source["services"][name] = {"provider": {"type": "/srv/shop/any-program"}}
    stack = replace(STACK, updater=Updater("updater", "updater-worker"))
    with pytest.raises(ComposeInvalid, match=f"{name} has a `provider`"):
        transform(source, stack, STAMP)


@pytest.mark.parametrize("services", [None, {}])
def test_a_model_without_services_is_refused(services: dict[str, Any] | None) -> None:
    with pytest.raises(ComposeInvalid):
        transformed({"name": "shop", "services": services})


def test_the_name_of_an_image_has_the_short_sha() -> None:
    assert image_name("shop", "bot", "0123456789abcdef") == "shop-bot:0123456789ab"


# Beside the live release


def compared(new: dict[str, Any], live: dict[str, Any] | None) -> Comparison:
    before = transform(live, STACK, Stamp("v1.0.0", sha_of("v1.0.0"), "r-0")) if live else None
    return compare(transformed(new), before, STACK, tree="/data/trees/abc")


def test_comparison_names_callers_without_values() -> None:
    new = model()
    assert compared(new, None).callers == ()
    new["services"]["bot"]["environment"] = {"API_URL": "http://me:hunter2@api-blue:8090"}
    (caller,) = compared(new, None).callers
    assert caller.startswith("`bot` calls `api-blue` in its variable API_URL: after a flip")
    assert "hunter2" not in caller


def test_same_file_changes_nothing() -> None:
    found = compared(model(), model())
    assert [(d.service, d.context, d.redefined) for d in found.moved] == [
        ("api-blue", "api", False),
        ("api-green", "api", False),
        ("bot", None, False),
    ]
    assert found.others == ()


def test_comparison_needs_a_live_release() -> None:
    found = compared(model(), None)
    assert {d.redefined for d in found.moved} == {None}
    assert found.others == ()


def test_environment_diff_shows_only_names() -> None:
    new = model()
    new["services"]["api-blue"]["environment"] = {"MODE": "other-secret", "ADDED": "secret"}
    live = model()
    live["services"]["api-blue"]["environment"] = {"MODE": "live", "OLD": "secret"}
    difference = compared(new, live).moved[0]
    assert (difference.added, difference.removed, difference.changed) == (("ADDED",), ("OLD",), ("MODE",))
    assert difference.redefined
    assert "secret" not in repr(difference)


def test_unmoved_changes_are_listed_with_reasons() -> None:
    new, live = model(), model()
    new["services"]["postgres"]["image"] = "postgres:17"
    new["services"]["qdrant"] = {"image": "qdrant"}
    live["services"]["ollama"] = {"image": "ollama"}
    assert compared(new, live).others == (
        ("ollama", "it is gone from the release's file"),
        ("postgres", "its definition changed"),
        ("qdrant", "it is new"),
    )


@pytest.mark.parametrize(
    ("part", "use"),
    [
        ("configs", [{"source": "x"}]),
        ("secrets", [{"source": "x"}]),
        ("volumes", [{"type": "volume", "source": "x", "target": "/x"}]),
        ("networks", {"x": None}),
    ],
)
def test_changed_file_or_volume_of_another_service_is_named(part: str, use: Any) -> None:
    """Its own definition is the same, and a plain `docker compose up` would change nothing."""
    new, live = model(), model()
    for each, name in ((new, "2"), (live, "1")):
        each["services"]["postgres"][part] = use
        each[part] = {"x": {"name": name, "ipam": {}, "x-updater-mark": name}}
    (found,) = compared(new, live).others
    why = f"{part}/x changed, so it needs `docker compose up --detach --force-recreate postgres`"
    assert found == ("postgres", why)
    live[part]["x"]["name"] = "2"
    assert compared(new, live).others == ()


def test_updaters_own_services_are_listed_apart() -> None:
    stack = replace(STACK, updater=Updater("updater", "updater-worker"))
    new, live = model(), model()
    new["services"] |= {"updater": {"image": "u:2"}, "updater-worker": {"image": "u:2"}, "qdrant": {"image": "qdrant"}}
    live["services"]["updater"] = {"image": "u:1"}
    found = compare(transformed(new), transformed(live), stack, tree="/data/trees/abc")
    assert (found.others, found.own) == ((("qdrant", "it is new"),), ("updater", "updater-worker"))


def test_recalled_release_carries_new_rollout_id() -> None:
    kept = transformed(model())
    back = restamp(kept, STACK, Stamp("v1.1.0", SHA, "r-2"))
    labels = {name: back["services"][name]["labels"]["updater.rollout"] for name in ("api-blue", "api-green", "bot")}
    assert set(labels.values()) == {"r-2"}
    assert back["services"]["api-blue"]["image"] == kept["services"]["api-blue"]["image"]
    assert kept["services"]["bot"]["labels"]["updater.rollout"] == "r-1", "the input is unchanged"


def test_recalled_release_has_the_fingerprint_of_its_marks() -> None:
    released = model()
    released["services"]["bot"]["secrets"] = [{"source": "token", "target": "/run/secrets/token"}]
    released["secrets"] = {"token": {"environment": "TOKEN"}}
    old, new = (transformed(marked(released, {"TOKEN": mark})) for mark in ("1", "2"))
    back = restamp(marked(old, {"TOKEN": "2"}), STACK, Stamp("v1.1.0", SHA, "r-2"))
    found = [each["services"]["bot"]["labels"]["updater.definition"] for each in (old, back, new)]
    assert found[0] != found[1] == found[2]


# The file that a plain `docker compose` reads


def test_dependencies_move_to_the_live_color() -> None:
    released, healthy = model(), {"condition": "service_healthy", "required": True}
    started = {"condition": "service_started", "required": True}
    released["services"]["bot"]["depends_on"] = {"api-blue": healthy, "postgres": started}
    released["services"]["postgres"]["depends_on"] = {"api-blue": started, "api-green": healthy}
    released["services"]["api-green"]["depends_on"] = {"api-blue": healthy, "postgres": healthy}
    live = as_it_runs(transformed(released), None, STACK, Color.GREEN, {"bot": "r-1"}, sha=SHA)["services"]
    assert live["bot"]["depends_on"] == {"api-green": healthy, "postgres": started}
    assert live["postgres"]["depends_on"] == {"api-green": healthy}
    assert live["api-green"]["depends_on"] == {"postgres": healthy}


def test_other_references_of_other_services_move_to_the_live_color() -> None:
    """Compose rejects one to an inactive profile. A service with a profile may refer to a color."""
    released, shares = model(), {"network_mode": "service:api-blue", "volumes_from": ["api-blue:ro"]}
    shell = {"image": "shell", "profiles": ["debug"], **shares, "links": ["api-blue:api", "postgres"]}
    released["services"] |= {"shell": shell, "api-blue": color_of_api(**shares)}
    live = as_it_runs(transformed(released), None, STACK, Color.GREEN, {"bot": "r-1"}, sha=SHA)["services"]
    there = {"network_mode": "service:api-green", "volumes_from": ["api-green:ro"]}
    assert live["shell"] == {**shell, **there, "links": ["api-green:api", "postgres"]}
    assert {key: live["api-blue"][key] for key in shares} == shares


MADE = a_stack(routed=(replace(STACK.routed[0], made_from="api"),))


def made_model() -> dict[str, Any]:
    source = model()
    services = {name: service for name, service in source["services"].items() if not name.startswith("api-")}
    return {**source, "services": {"api": color_of_api(container_name="api"), **services}}


def test_made_colors_are_like_written_ones() -> None:
    source = model()
    source["services"]["api-green"] = color_of_api()
    made = transform(made_model(), MADE, STAMP)
    assert {name: made["services"][name] for name in ("api-blue", "api-green")} == {
        name: transformed(source)["services"][name] for name in ("api-blue", "api-green")
    }
    assert "api" not in made["services"]


def test_dependency_on_a_made_color_moves_to_the_live_one() -> None:
    source, healthy = made_model(), {"condition": "service_healthy", "required": True}
    source["services"]["postgres"]["depends_on"] = {"api": healthy}
    made = transform(source, MADE, STAMP)
    for color in Color:
        live = as_it_runs(made, None, MADE, color, {"bot": "r-1"}, sha=SHA)["services"]
        assert live["postgres"]["depends_on"] == {f"api-{color}": healthy}


def adopted_model(**others: dict[str, Any]) -> dict[str, Any]:
    """The definition of a release that ran in one container, with the services `others`."""
    source = made_model()
    source["services"] |= others
    return with_singles(transform(source, MADE, STAMP), source, MADE)


def test_single_container_stays_as_it_was() -> None:
    """Until the first flip, a plain `docker compose up` must neither replace it nor start a color beside it."""
    waits = {"depends_on": {"api": {"condition": "service_started"}}}
    live = as_it_runs(
        adopted_model(proxy=waits), None, MADE, Color.BLUE, {"bot": "r-1"}, sha=SHA, singles=["api-blue"]
    )["services"]
    assert live["api"] == made_model()["services"]["api"]
    assert [live[f"api-{color}"]["profiles"] for color in Color] == [["updater-idle"]] * 2
    assert live["proxy"] == waits


@pytest.mark.parametrize("color", Color)
def test_single_container_is_no_part_of_what_follows(color: Color) -> None:
    """The first release is live, or a rollback had to create the color anew."""
    live = as_it_runs(adopted_model(), None, MADE, color, {"bot": "r-1"}, sha=SHA)
    assert "api" not in live["services"]
    assert live["services"][f"api-{color.other}"]["profiles"] == ["updater-idle"]
    assert "profiles" not in live["services"][f"api-{color}"]
    assert SINGLES not in live


def test_single_container_depends_on_colors_that_run() -> None:
    """One service runs in colors already, the other one does not."""
    other = replace(MADE.routed[0], name="web", colors={c: f"web-{c}" for c in Color}, made_from="web")
    stack = replace(MADE, routed=(*MADE.routed, other))
    source = made_model()
    source["services"] |= {"web": {"image": "web"}}
    source["services"]["api"]["depends_on"] = {"web": {"condition": "service_started"}}
    adopted = with_singles(transform(source, stack, STAMP), source, stack)
    live = as_it_runs(adopted, None, stack, Color.BLUE, {}, sha=SHA, singles=["api-blue"])["services"]
    assert live["api"]["depends_on"] == {"web-blue": {"condition": "service_started"}}
    assert "web" not in live


def test_missing_service_is_refused_by_its_written_name() -> None:
    with pytest.raises(ComposeInvalid, match="it has no service api, but the stack file names it"):
        transform({"services": {"bot": {}}}, MADE, STAMP)
    with pytest.raises(ComposeInvalid, match="api has a `provider`"):
        transform({"services": {"bot": {}, "api": {"provider": {"type": "x"}}}}, MADE, STAMP)


def test_change_of_a_service_that_colors_are_made_from_is_seen_in_both() -> None:
    live = transform(made_model(), MADE, STAMP)
    changed = made_model()
    changed["services"]["api"]["environment"] = {"MODE": "new"}
    seen = compare(transform(changed, MADE, STAMP), live, MADE, tree="/data/trees/abc")
    assert {each.service: each.changed for each in seen.moved} == {
        "api-blue": ("MODE",),
        "api-green": ("MODE",),
        "bot": (),
    }
    assert seen.others == ()


def test_idle_color_gets_its_own_profile() -> None:
    released = transformed(model())
    live = as_it_runs(released, None, STACK, Color.GREEN, {"bot": "r-1"}, sha=SHA)
    assert live["services"]["api-blue"]["profiles"] == ["updater-idle"]
    del live["services"]["api-blue"]["profiles"]
    assert live["services"] == released["services"]


def test_published_model_names_its_release() -> None:
    released = transformed(model())
    live = as_it_runs(released, None, STACK, Color.GREEN, {"bot": "r-1"}, sha=SHA)
    assert release_in(live) == (SHA, Color.GREEN)
    assert [release_in(unnamed) for unnamed in (released, None)] == [None, None]


@pytest.mark.parametrize(
    "odd", [None, [], "green", {"sha": SHA}, {"sha": 1, "color": "green"}, {"sha": SHA, "color": "red"}]
)
def test_unreadable_release_is_none(odd: object) -> None:
    live = as_it_runs(transformed(model()), None, STACK, Color.GREEN, {}, sha=SHA)
    assert release_in(live | {"x-updater-live": odd}) is None


def test_live_services_have_no_profile() -> None:
    released = model()
    for name in ("api-blue", "api-green", "bot"):
        released["services"][name]["profiles"] = ["release"]
    live = as_it_runs(transformed(released), None, STACK, Color.GREEN, {"bot": "r-1"}, sha=SHA)
    profiles = {name: service.get("profiles") for name, service in live["services"].items()}
    assert profiles == dict.fromkeys(profiles) | {"api-blue": ["updater-idle"]}


@pytest.mark.parametrize(("rollout", "kept"), [("r-0", True), ("r-1", False), (None, False)])
@pytest.mark.parametrize("stack", [STACK, replace(STACK, singletons=(), followers=(Follower("queue", "bot"),))])
def test_kept_singleton_or_follower_keeps_its_old_definition(stack: Stack, rollout: str | None, kept: bool) -> None:
    first = restamp(transform(model(), stack, STAMP), stack, Stamp("v1.0.0", SHA, "r-0"))
    before = as_it_runs(first, None, stack, Color.BLUE, {}, sha=SHA)
    live = as_it_runs(transform(model(), stack, STAMP), before, stack, Color.GREEN, {"bot": rollout}, sha=SHA)
    assert (live["services"]["bot"]["labels"]["updater.rollout"] == "r-0") is kept


def test_updaters_own_services_stay_as_running() -> None:
    stack = replace(STACK, updater=Updater("updater", "updater-worker"))
    before, released = transformed(model()), transformed(model())
    needs = {
        "networks": {"ledger": None},
        "volumes": [{"type": "volume", "source": "routes", "target": "/routes"}, {"type": "bind", "source": "/srv"}],
        "secrets": [{"source": "token"}],
        "depends_on": {"updater": {"condition": "service_started"}, "gone": {"condition": "service_healthy"}},
    }
    before["services"] |= {"updater": {"image": "u:1"}, "updater-worker": {"image": "u:1", **needs}}
    before |= {
        "networks": {"ledger": {"internal": True}, "unused": {}},
        "volumes": {"routes": {"name": "x_routes"}, "unused": {}},
        "secrets": {"token": {"file": "/srv/secrets/token"}},
    }
    released["services"] |= {"updater": {"image": "u:2"}, "updater-worker": {"image": "u:2"}}
    released["volumes"] = {"other": {}}
    live = as_it_runs(released, before, stack, Color.GREEN, {"bot": "r-1"}, sha=SHA)
    kept = live["services"]["updater-worker"]
    assert kept.pop("depends_on") == {"updater": {"condition": "service_started"}}, "Compose rejects a missing service"
    assert kept == {"image": "u:1", **{key: value for key, value in needs.items() if key != "depends_on"}}
    assert live["services"]["updater"] == {"image": "u:1"}
    assert live["networks"] == {"ledger": {"internal": True}}
    assert live["volumes"] == {"other": {}, "routes": {"name": "x_routes"}}
    assert live["secrets"] == before["secrets"]
    first = as_it_runs(released, None, stack, Color.GREEN, {"bot": "r-1"}, sha=SHA)
    assert first["services"]["updater"] == {"image": "u:2"}


@pytest.mark.parametrize(("label", "expected"), [(None, False), ("allowed", False), ("never", True)])
def test_rollback_label_on_a_moved_service_counts(label: str | None, expected: bool) -> None:
    source = model()
    source["services"]["bot"]["labels"] = {} if label is None else {"updater.rollback": label}
    assert one_way(transformed(source), STACK) is expected
    assert compare(transformed(source), None, STACK, tree="/data/trees/abc").one_way is expected


def test_rollback_label_must_be_on_a_moved_service() -> None:
    source = model()
    source["services"]["postgres"]["labels"] = {"updater.rollback": "never"}
    assert not one_way(transformed(source), STACK)


def test_unknown_rollback_label_is_refused() -> None:
    source = model()
    source["services"]["bot"]["labels"] = {"updater.rollback": "nver"}
    with pytest.raises(ComposeInvalid, match=r"updater\.rollback must be never or allowed; bot has 'nver'"):
        one_way(transformed(source), STACK)
