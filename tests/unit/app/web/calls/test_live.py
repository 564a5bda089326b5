from typing import Any

import pytest

from app.api.models import Result
from app.api.views import status_view
from app.domain.state import State
from app.web.calls.live import is_live, live_result, live_tag
from app.web.calls.status import UNKNOWN
from tests.examples import NOW, a_live, sha_of


def status(**change: Any) -> dict[str, Any]:
    live = State(current=a_live("v1.0.0"), last_good_tag="v1.0.0", paused=True, pause_reason="holidays")
    return {**UNKNOWN, **status_view(live, ()), "active_color": "blue", **change}


def test_the_live_tag_is_the_one_of_the_status() -> None:
    assert live_tag(status()) == "v1.0.0"
    assert live_tag(status(current={"tag": "unknown", "sha": "x"})) is None
    assert (live_tag(None), live_tag(UNKNOWN)) == (None, None)


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
def test_a_release_is_live_when_its_rollout_did_not_fail(last_good: str | None, tag: str, expected: bool) -> None:
    assert is_live(status(last_good_tag=last_good), tag) is expected
    assert not is_live(UNKNOWN, tag)


def test_the_result_of_what_is_live_has_every_field_of_a_final_result() -> None:
    result = live_result(status(), NOW)
    assert result == {
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
    }
    assert Result.model_validate(result)
