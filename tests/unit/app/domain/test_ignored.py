"""What people see of a release that was ignored, and of which they are notified."""

from dataclasses import replace

import pytest

from app.domain.acceptance.ignored import IgnoredRelease
from app.domain.acceptance.policy import Cause, Refusal, ReleaseEvent, refusal_of
from app.domain.notices.notice import Kind, ignored
from app.domain.tags import DatedTag
from app.stored import IGNORED, read
from tests.examples import NOW, a_stack

EVENT = ReleaseEvent("published", "octo/shop", 1, 2, "2024.01.05", draft=False, prerelease=False)


def shown(**change: object) -> IgnoredRelease:
    event = replace(EVENT, **change)  # type: ignore[arg-type]
    refusal = refusal_of(event, a_stack(), DatedTag("v1.0.0"))
    assert refusal is not None
    return IgnoredRelease.of(event, refusal, NOW, "d-1")


@pytest.mark.parametrize(
    ("change", "cause", "surprise"),
    [
        ({}, Cause.TAG, "tag #.#.#"),
        ({"tag": "v1.2"}, Cause.TAG, "tag v#.#"),
        ({"tag": "web-v0.7.1"}, Cause.TAG, "tag web-v#.#.#"),
        ({"tag": "web-v10.17.1"}, Cause.TAG, "tag web-v#.#.#"),
        ({"repository": "Octo/Market"}, Cause.REPOSITORY, "repository octo/market"),
        ({"action": "created"}, Cause.ACTION, None),
        ({"draft": True}, Cause.DRAFT, None),
        ({"prerelease": True}, Cause.PRERELEASE, None),
        ({"tag": "v1.1.0-rc.1"}, Cause.PRERELEASE, None),
        ({"tag": "v0.9.0"}, Cause.NOT_NEWER, None),
    ],
)
def test_only_tag_and_repository_are_a_surprise(change: dict[str, object], cause: Cause, surprise: str | None) -> None:
    found = shown(**change)
    assert (found.cause, found.surprise) == (cause, surprise)


def test_notice_is_one_for_each_kind_of_tag() -> None:
    one, other, third = (ignored("shop", shown(tag=tag)) for tag in ("web-v0.7.1", "web-v0.8.0", "api-v0.8.0"))
    assert one.id == other.id != third.id
    assert (one.kind, one.title) == (Kind.IGNORED, "shop: web-v0.7.1 was ignored")
    assert 'write `tags: "web-v*"` in the stack file. Traffic is unchanged.' in one.text
    assert "updater status --ignored" in one.text


def test_another_repository_names_both() -> None:
    text = ignored("shop", shown(repository="octo/market")).text
    assert "octo/market, and `repository` in the stack file is octo/shop" in text


def test_stored_release_is_read_unchanged() -> None:
    assert read(IGNORED, IGNORED.built.dump_json(shown())) == shown()
    assert read(IGNORED, b'{"tag": "v1"}') is None


def test_long_names_are_cut() -> None:
    event = replace(EVENT, tag="v" * 10_000, repository="r" * 10_000, action="a" * 10_000)
    found = IgnoredRelease.of(event, Refusal(Cause.ACTION, "x"), NOW, "d" * 10_000)
    assert len(IGNORED.built.dump_json(found)) < 1_000
