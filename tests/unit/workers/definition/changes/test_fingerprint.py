"""Whether a service runs as before."""

from typing import Any

import pytest

from workers.definition.changes.fingerprint import fingerprint, with_marks_of
from workers.definition.environment import marked


def service(**change: Any) -> dict[str, Any]:
    return {
        "image": "api",
        "build": {"context": "/tree"},
        "environment": {"MODE": "live"},
        "labels": {"team": "shop"},
    } | change


@pytest.mark.parametrize(
    "change",
    [
        {"image": "another"},
        {"pull_policy": "never"},
        {"build": {"context": "/elsewhere"}},
        {"labels": {"team": "shop", "updater.sha": "x", "updater.rollout": "r-9"}},
    ],
)
def test_fingerprint_ignores_image_and_own_labels(change: dict[str, Any]) -> None:
    assert fingerprint(service(**change), {}) == fingerprint(service(), {})


@pytest.mark.parametrize(
    "change",
    [
        {"environment": {"MODE": "test"}},
        {"restart": "no"},
        {"volumes": [{"type": "volume", "source": "pg", "target": "/data"}]},
        {"labels": {"team": "warehouse"}},
    ],
)
def test_fingerprint_covers_everything_else(change: dict[str, Any]) -> None:
    assert fingerprint(service(**change), {}) != fingerprint(service(), {})


def test_fingerprint_ignores_key_order() -> None:
    assert fingerprint(dict(reversed(service().items())), {}) == fingerprint(service(), {})


def with_secret(part: str, mark: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """A service that uses the secret or config `token`, and its model."""
    model = {part: {"token": {"name": "shop_token", "environment": "TOKEN"}, "other": {"environment": "OTHER"}}}
    user = service(**{part: [{"source": "token", "target": "/run/token"}]})
    return user, marked(model, {} if mark is None else {"TOKEN": mark})


@pytest.mark.parametrize("part", ["secrets", "configs"])
def test_fingerprint_has_the_mark_of_a_value(part: str) -> None:
    none, one, two = (fingerprint(*with_secret(part, mark)) for mark in (None, "1", "2"))
    assert len({none, one, two}) == 3
    assert with_marks_of(none, *with_secret(part, "1")) == one
    assert with_marks_of(one, *with_secret(part, "2")) == two


def test_mark_of_another_service_is_ignored() -> None:
    user, model = with_secret("secrets", "1")
    assert fingerprint(user, marked(model, {"OTHER": "2"})) == fingerprint(user, model)


def placed(part: str, defined: dict[str, Any]) -> str:
    """The fingerprint of a service with the network or volume `store`."""
    use = {"networks": {"store": None}, "volumes": [{"type": "volume", "source": "store", "target": "/store"}]}
    return fingerprint(service(**{part: use[part]}), {"name": "shop", part: {"store": defined, "other": {"name": "o"}}})


@pytest.mark.parametrize("part", ["networks", "volumes"])
def test_another_network_or_volume_is_a_change(part: str) -> None:
    one, two = ({"name": "store-1"}, {"name": "store-2"})
    moved = {"name": "shop_store", "driver_opts": {"device": "/srv/b"}}
    assert len({placed(part, each) for each in (one, two, moved)}) == 3


@pytest.mark.parametrize("part", ["networks", "volumes"])
def test_name_that_compose_makes_is_no_change(part: str) -> None:
    """So the definitions that an earlier version kept still count as the same."""
    assert placed(part, {"name": "shop_store", "ipam": {}}) == placed(part, {})
