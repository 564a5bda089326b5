import pytest

from app.config.settings import MAX_WAIT_SECONDS
from app.web.calls.waiting import preferred_wait


@pytest.mark.parametrize(
    ("prefer", "seconds", "applied"),
    [
        ([], 0.0, None),
        (["wait=5"], 5.0, "wait=5"),
        (["Wait = 5"], 5.0, "wait=5"),
        (['wait="5"'], 5.0, "wait=5"),
        (["respond-async, wait=5"], 5.0, "wait=5"),
        (["return=minimal", "wait=5; x=y"], 5.0, "wait=5"),
        (["wait=5, wait=6"], 5.0, "wait=5"),
        (["wait=0"], 0.0, "wait=0"),
        (["wait=999999999"], MAX_WAIT_SECONDS, f"wait={MAX_WAIT_SECONDS:.0f}"),
        (["respond-async"], 0.0, "respond-async"),
        (["wait=-1"], 0.0, None),
        (["wait=1.5"], 0.0, None),
        (["wait=9999999999"], 0.0, None),
        (["wait=٣"], 0.0, None),
        (["await=5"], 0.0, None),
    ],
)
def test_preference_follows_rfc_7240(prefer: list[str], seconds: float, applied: str | None) -> None:
    assert preferred_wait(prefer, None) == (seconds, applied)


def test_setting_applies_without_a_preference() -> None:
    assert preferred_wait([], 30.0) == (30.0, None)
    assert preferred_wait(["wait=5"], 30.0) == (5.0, "wait=5")
    assert preferred_wait(["respond-async"], 30.0) == (0.0, "respond-async")
