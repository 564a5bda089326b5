"""The model that runs, made from a release's own."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.errors import ComposeInvalid
from app.domain.stack import BeforeFlip, Follower, Updater
from tests.examples import a_stack, sha_of
from workers.definition.changes.comparison import compare
from workers.definition.changes.fingerprint import fingerprint
from workers.definition.environment import marked
from workers.definition.labels import image_name
from workers.definition.transform import one_way, restamp, transform
from workers.ports import Stamp

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


def test_recalled_release_may_be_older_than_a_job() -> None:
    kept, stack = transformed(with_a_job()), replace(JOB, followers=())  # migrate was a service that no rollout moves
    assert restamp(kept, stack, Stamp("v1.1.0", SHA, "r-2"))["services"]["migrate"] == kept["services"]["migrate"]
    del kept["services"]["migrate"]
    restamp(kept, stack, Stamp("v1.1.0", SHA, "r-2"))
    assert not one_way(kept, stack)


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


def test_missing_service_is_refused_by_its_written_name() -> None:
    with pytest.raises(ComposeInvalid, match="it has no service api, but the stack file names it"):
        transform({"services": {"bot": {}}}, MADE, STAMP)
    with pytest.raises(ComposeInvalid, match="api has a `provider`"):
        transform({"services": {"bot": {}, "api": {"provider": {"type": "x"}}}}, MADE, STAMP)


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
