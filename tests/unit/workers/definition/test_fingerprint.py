"""Whether a service runs as before."""

from typing import Any

import pytest

from workers.definition.environment import marked
from workers.definition.fingerprint import fingerprint, with_marks_of


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
