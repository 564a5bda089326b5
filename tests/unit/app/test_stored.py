import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from app.lazy_adapter import LazyAdapter
from app.stored import RELEASE, read_each, read_entry, read_release
from tests.examples import a_history_entry, a_release

STORED: dict[str, Any] = json.loads(RELEASE.built.dump_json(a_release()))


def test_stored_release_is_read_unchanged() -> None:
    assert read_release(RELEASE.built.dump_json(a_release())) == a_release()


def test_release_without_a_date_of_publication_is_read() -> None:
    """An earlier version of the updater recorded it."""
    before = {name: value for name, value in STORED.items() if name not in {"version", "published_at"}}
    assert read_release(json.dumps(before)) == a_release()


@pytest.mark.parametrize("tag", ["web-v1.2.3", "2024.01.05", "@acme/api@1.2.3", "nightly"])
def test_release_of_any_order_is_read(tag: str) -> None:
    assert read_release(json.dumps(STORED | {"tag": tag})) == replace(a_release(), tag=tag)


def test_field_of_a_later_version_is_ignored() -> None:
    assert read_release(json.dumps(STORED | {"channel": "beta"})) == a_release()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"forgotten",
        b"\xff",
        b"[]",
        b"null",
        json.dumps({name: value for name, value in STORED.items() if name != "rollout_id"}),
        json.dumps(STORED | {"trigger": "schedule"}),
        json.dumps(STORED | {"tag": "2026 01"}),
        json.dumps(STORED | {"tag": ""}),
        json.dumps(STORED | {"accepted_at": "2026-01-02T03:04:05"}),
    ],
)
def test_unreadable_release_is_none(content: bytes | str) -> None:
    assert read_release(content) is None


def test_unreadable_history_entry_is_none() -> None:
    entry = a_history_entry("r-1")
    stored = TypeAdapter(type(entry))
    assert read_entry(stored.dump_json(entry)) == entry
    for timestamp in ("yesterday", "2026-01-02T03:04:05"):
        assert read_entry(stored.dump_json(replace(entry, timestamp=timestamp))) is None
    assert read_entry(b"{") is None


@pytest.mark.parametrize(
    ("values", "found"), [([1, "x", None, 2], [1, 2]), ([], []), (None, []), (3, []), ("no", []), ({"a": 1}, [])]
)
def test_unreadable_values_are_left_out(values: Any, found: list[int]) -> None:
    assert read_each(LazyAdapter(int), values) == found
