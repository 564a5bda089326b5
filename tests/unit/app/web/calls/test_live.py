from typing import Any

import pytest

from app.api.status import PublishedStatus
from app.domain.state import State
from app.domain.tags import DatedTag
from app.web.calls.live import is_live, live_is_well, live_result, live_tag
from tests.examples import NOW, a_live, sha_of

UNKNOWN = PublishedStatus()


def status(**change: Any) -> PublishedStatus:
    live = State(current=a_live("v1.0.0"), last_good_tag="v1.0.0", paused=True, pause_reason="holidays")
    return PublishedStatus.model_validate({**PublishedStatus.of(live, ()).as_json(), "active_color": "blue", **change})


def test_live_tag_comes_from_the_status() -> None:
    assert live_tag(status()) == DatedTag("v1.0.0")
    assert live_tag(status(current={"tag": "unknown", "sha": "x"})) is None
    assert live_tag(UNKNOWN) is None


@pytest.mark.parametrize(
    ("last_good", "tag", "expected"),
    [
        ("v1.0.0", "v1.0.0", True),
        (None, "v1.0.0", True),
        ("v0.9.0", "v1.0.0", False),
        ("v1.0.0", "1.0.0", False),
        ("v1.0.0", "v1.0.1", False),
    ],
)
def test_release_is_live_if_its_rollout_succeeded(last_good: str | None, tag: str, expected: bool) -> None:
    assert is_live(status(last_good_tag=last_good), tag) is expected
    assert not is_live(UNKNOWN, tag)


def test_release_without_a_known_tag_is_well() -> None:
    """It was adopted, and the last good tag is that of an older state file."""
    assert not live_is_well(status(last_good_tag="v0.9.0"))
    assert live_is_well(status(last_good_tag="v0.9.0", current={"tag": "unknown", "sha": "x"}))
    assert not live_is_well(UNKNOWN)


def test_live_result_has_every_field_of_a_result() -> None:
    assert live_result(status(), NOW).as_json() == {
        "status": "success",
        "rollout_id": "r-v1.0.0",
        "tag": "v1.0.0",
        "previous_sha": sha_of("v1.0.0"),
        "new_sha": sha_of("v1.0.0"),
        "active_color": "blue",
        "target_color": "blue",
        "paused": True,
        "pause_reason": "holidays",
        "steps_completed": [],
        "error": None,
        "reason_code": "already_live",
        "warnings": [],
        "duration_seconds": 0.0,
        "started_at": NOW.isoformat(),
        "completed_at": NOW.isoformat(),
        "evidence": {},
        "trace_id": None,
    }
