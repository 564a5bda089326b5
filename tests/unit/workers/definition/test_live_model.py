"""The live release, for a plain `docker compose`."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.stack import Color, Follower, Stack, Updater
from tests.unit.workers.definition.test_transform import (
    JOB,
    MADE,
    SHA,
    STACK,
    STAMP,
    color_of_api,
    made_model,
    model,
    transformed,
    with_a_job,
)
from workers.definition.live_model import as_it_runs, release_in
from workers.definition.services.colors import SINGLES, with_singles
from workers.definition.transform import restamp, transform
from workers.ports import Stamp


def test_published_model_neither_runs_a_job_nor_waits_for_it() -> None:
    live = as_it_runs(transform(with_a_job(), JOB, STAMP), None, JOB, Color.GREEN, {}, sha=SHA)["services"]
    assert live["migrate"]["profiles"] == ["updater-job"]
    assert [name for name, service in live.items() if "depends_on" in service] == []


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
