import copy
from dataclasses import replace
from typing import Any

import pytest

from app.domain.errors import ComposeInvalid
from app.domain.stack import Color
from tests.examples import a_stack, sha_of
from workers.definition.changes.comparison import compare
from workers.definition.labels import Model
from workers.definition.live_model import as_it_runs
from workers.definition.services.retired import LEFT_OUT, left_out, without_retired
from workers.definition.transform import restamp, transform
from workers.ports import Stamp

OLD = "old-updater"
STACK = a_stack(routed=a_stack().routed[1:], retired=(OLD,))
PLAIN = replace(STACK, retired=())
STAMP = Stamp("v1.1.0", sha_of("v1.1.0"), "r-1")


def model(**services: dict[str, Any]) -> Model:
    """Compose's output for a file with the old updater, which has one resource of its own of each kind."""
    old: dict[str, Any] = {
        "image": "old",
        "container_name": "the-old-one",
        "networks": {"shop": None, "engine": None},
        "volumes": [
            {"type": "volume", "source": "state", "target": "/state"},
            {"type": "volume", "source": "shared", "target": "/shared"},
            {"type": "bind", "source": "/var/run/docker.sock", "target": "/var/run/docker.sock"},
        ],
        "secrets": [{"source": "token"}, {"source": "common"}],
        "configs": [{"source": "rules"}],
    }
    given: dict[str, dict[str, Any]] = {
        "api-blue": {"image": "api", "networks": {"shop": None}},
        "api-green": {"image": "api", "networks": {"shop": None}},
        "bot": {"image": "bot", "secrets": [{"source": "common"}]},
        "postgres": {"image": "postgres", "volumes": [{"type": "volume", "source": "shared", "target": "/x"}]},
        OLD: old,
    }
    return {
        "name": "shop",
        "services": {name: {**service, **services.get(name, {})} for name, service in given.items()},
        "networks": {"shop": {"name": "shop"}, "engine": {"external": True}, "unused": {}},
        "volumes": {"state": {"external": True}, "shared": {}},
        "secrets": {"token": {"file": "/missing"}, "common": {"file": "/there"}},
        "configs": {"rules": {"content": "x"}},
    }


def waits(*names: str) -> dict[str, Any]:
    return {"depends_on": {name: {"condition": "service_started", "required": True} for name in names}}


def transformed(source: Model, stack: Any = STACK, stamp: Stamp = STAMP) -> Model:
    return transform(source, stack, stamp)


def test_retired_service_and_resources_are_removed() -> None:
    left = without_retired(model(), STACK)
    assert set(left["services"]) == {"api-blue", "api-green", "bot", "postgres"}
    assert left["networks"] == {"shop": {"name": "shop"}, "unused": {}}
    assert left["volumes"] == {"shared": {}}
    assert left["secrets"] == {"common": {"file": "/there"}}
    assert left["configs"] == {}
    assert left[LEFT_OUT] == [OLD]


def test_given_model_is_not_changed() -> None:
    given = model(**{"api-blue": waits(OLD), "bot": {"links": [OLD]}})
    before = copy.deepcopy(given)
    without_retired(given, STACK)
    assert given == before


@pytest.mark.parametrize("stack", [PLAIN, replace(STACK, retired=("another",))])
def test_model_without_retirement_is_unchanged(stack: Any) -> None:
    assert without_retired(model(), stack) == model()
    assert left_out(without_retired(model(), stack), stack) == ()


def test_secret_needed_by_a_build_is_kept() -> None:
    build = {"build": {"context": "/srv/shop", "secrets": [{"source": "token"}]}}
    assert "token" in without_retired(model(bot=build), STACK)["secrets"]


def test_links_to_a_retired_service_are_removed() -> None:
    given = model(
        **{
            "api-blue": waits(OLD, "postgres"),
            "api-green": waits(OLD),
            "bot": {"links": [OLD, f"{OLD}:updater", "postgres:db"], "external_links": ["the-old-one:u", "other"]},
            "postgres": {"links": [OLD]},
        }
    )
    services = without_retired(given, STACK)["services"]
    assert services["api-blue"]["depends_on"] == waits("postgres")["depends_on"]
    assert "depends_on" not in services["api-green"]
    assert (services["bot"]["links"], services["bot"]["external_links"]) == (["postgres:db"], ["other"])
    assert "links" not in services["postgres"]


NEEDS = [
    {"network_mode": f"service:{OLD}"},
    {"ipc": f"service:{OLD}"},
    {"pid": f"service:{OLD}"},
    {"network_mode": "container:the-old-one"},
    {"volumes_from": [OLD]},
    {"volumes_from": [f"{OLD}:ro"]},
    {"volumes_from": ["container:the-old-one:rw"]},
    {"build": {"context": "/srv/shop", "additional_contexts": {"base": f"service:{OLD}"}}},
]


@pytest.mark.parametrize("need", NEEDS)
@pytest.mark.parametrize("service", ["api-green", "postgres"])
def test_service_needing_a_retired_one_is_refused(service: str, need: dict[str, Any]) -> None:
    with pytest.raises(ComposeInvalid, match=rf"{service} has .*(?:{OLD}|the-old-one).*remove the service from"):
        transformed(model(**{service: need}))


@pytest.mark.parametrize(
    "need",
    [
        {"network_mode": "service:postgres"},
        {"volumes_from": ["postgres:ro", f"{OLD}er"]},
        {"build": {"context": "/srv/shop", "additional_contexts": {"base": f"docker-image://{OLD}"}}},
    ],
)
def test_need_of_another_service_is_allowed(need: dict[str, Any]) -> None:
    assert OLD not in transformed(model(bot=need))["services"]


def test_retired_services_may_need_each_other() -> None:
    given = model()
    given["services"]["helper"] = {"image": "x", "network_mode": f"service:{OLD}"}
    left = without_retired(given, replace(STACK, retired=(OLD, "helper")))
    assert (OLD in left["services"], left[LEFT_OUT]) == (False, ["helper", OLD])


# The running, compared and published definitions


def test_running_definition_drops_retired_service() -> None:
    assert OLD not in transformed(model())["services"]
    assert left_out(transformed(model()), STACK) == (OLD,)


@pytest.mark.parametrize("live", [STACK, PLAIN], ids=["retired before", "kept by an older version"])
def test_retired_service_counts_as_no_change(live: Any) -> None:
    given = model(postgres=waits(OLD))
    stamp = replace(STAMP, sha=sha_of("v1.0.0"))
    before = transformed(given, live, stamp)
    found = compare(transformed(given), before, STACK, tree="/trees/x")
    assert (found.others, found.own, found.retired) == ((), (), (OLD,))
    without = model()
    del without["services"][OLD]
    gone = compare(transformed(without), before, STACK, tree="/trees/x")
    assert (gone.others, gone.retired) == ((), ())


def test_live_need_does_not_block_the_next_release() -> None:
    before = transformed(model(postgres={"network_mode": f"service:{OLD}"}), PLAIN)
    found = compare(transformed(model()), before, STACK, tree="/trees/x")
    assert found.others == (("postgres", "its definition changed"),)


def test_recall_drops_a_retired_service() -> None:
    kept = transformed(model(bot=waits(OLD)), PLAIN)
    back = restamp(kept, STACK, replace(STAMP, rollout="r-2"))
    assert OLD not in back["services"]
    assert "depends_on" not in back["services"]["bot"]
    assert (
        as_it_runs(back, kept, STACK, Color.GREEN, {}, sha=sha_of("v1.0.0"))["services"].keys()
        == back["services"].keys()
    )


def test_left_out_lists_services_still_retired() -> None:
    kept = restamp(transformed(model()), STACK, STAMP)
    assert left_out(kept, STACK) == (OLD,)
    assert left_out(kept, PLAIN) == ()
    assert left_out(model(), STACK) == (OLD,)
    assert left_out(None, STACK) == ()
