import pytest

from app.api.status import Status
from app.web.calls.status import etag, known

STATUS = Status(uptime_seconds=1.0).as_json()


def test_etag_ignores_uptime_and_check_time() -> None:
    assert etag(STATUS) == etag({**STATUS, "uptime_seconds": 2.0, "last_checked_at": "2026-01-02"})


def test_etag_changes_with_other_fields() -> None:
    assert etag(STATUS) != etag({**STATUS, "paused": True})


@pytest.mark.parametrize(
    ("if_none_match", "same"),
    [
        ([], False),
        ([""], False),
        (["*"], True),
        (['W/"a"'], True),
        (['"a"'], True),
        (['"b", W/"a"'], True),
        (['"b"', 'W/"a"'], True),
        (['W/"b"'], False),
        (["a"], False),
    ],
)
def test_etags_are_compared_weakly(if_none_match: list[str], same: bool) -> None:
    assert known(if_none_match, 'W/"a"') is same
