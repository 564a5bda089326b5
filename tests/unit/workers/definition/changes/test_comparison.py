"""How a release differs from the live one."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.stack import Updater
from tests.examples import sha_of
from tests.unit.workers.definition.test_transform import (
    JOB,
    MADE,
    STACK,
    STAMP,
    made_model,
    model,
    transformed,
    with_a_job,
)
from workers.definition.changes.comparison import compare
from workers.definition.transform import transform
from workers.ports import Comparison, Stamp


def test_service_that_was_not_moved_before_is_new() -> None:
    stamped = transform(with_a_job(), JOB, STAMP)
    (job,) = [d for d in compare(stamped, transformed(with_a_job()), JOB, tree="/t").moved if d.service == "migrate"]
    assert job.redefined is None


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
