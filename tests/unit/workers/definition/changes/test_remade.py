"""A network or a volume that keeps its name, and changes otherwise."""

from typing import Any

import pytest

from workers.definition.changes.remade import remade

USES = {
    "networks": {"networks": {"front": None}},
    "volumes": {"volumes": [{"type": "volume", "source": "front", "target": "/a"}]},
}


def problems(part: str, before: dict[str, Any], now: dict[str, Any], moved: tuple[str, ...] = ("bot",)) -> list[str]:
    model = {"services": {"bot": USES[part], "db": {}}, part: {"front": {"name": "shop_front", **now}}}
    return list(remade(model, {"services": {}, part: {"front": {"name": "shop_front", **before}}}, moved))


@pytest.mark.parametrize(
    ("part", "before", "now"),
    [
        ("networks", {"ipam": {}}, {"ipam": {}, "internal": True}),
        ("networks", {"ipam": {"config": [{"subnet": "10.1.0.0/24"}]}}, {"ipam": {}}),
        ("networks", {"driver": "macvlan"}, {}),
        ("volumes", {"driver_opts": {"device": "/a"}}, {"driver_opts": {"device": "/b"}}),
        ("volumes", {}, {"driver": "nfs"}),
    ],
)
def test_change_that_the_engine_cannot_make_is_refused(part: str, before: dict[str, Any], now: dict[str, Any]) -> None:
    (problem,) = problems(part, before, now)
    assert problem.startswith(f"{part}/front has another ")
    assert "Give it another `name` (shop_front-2)" in problem
    assert problems(part, before, now, moved=("db",)) == []


@pytest.mark.parametrize(
    ("part", "before", "now"),
    [
        ("networks", {}, {"ipam": {}, "driver": "bridge", "internal": False}),
        ("networks", {"internal": True}, {"name": "shop_inner"}),
        ("networks", {"internal": True}, {"external": True}),
        ("volumes", {"driver": "local"}, {"driver_opts": None, "labels": {"a": "b"}}),
        ("volumes", {"external": True}, {"driver_opts": {"device": "/b"}}),
    ],
)
def test_what_is_the_same_or_new_is_accepted(part: str, before: dict[str, Any], now: dict[str, Any]) -> None:
    assert problems(part, before, now) == []


def test_first_release_has_nothing_to_compare_with() -> None:
    model = {"services": {"bot": USES["volumes"]}, "volumes": {"front": {"name": "a", "driver": "nfs"}}}
    assert list(remade(model, {}, ["bot"])) == []
