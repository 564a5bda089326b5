import pytest

from app.domain.traffic import Tally, Traffic, is_worse

TOLERANCE = 0.05


@pytest.mark.parametrize(
    ("requests", "errors", "worse"),
    [
        (0, 0, False),
        (1, 1, False),
        (2, 2, False),
        (3, 3, True),
        (12, 3, True),
        (30, 3, False),
        (100, 10, False),
        (300, 30, True),
        (1_000_000, 50_000, False),
        (1_000_000, 52_000, True),
    ],
)
def test_fewer_errors_need_a_higher_share(requests: int, errors: int, worse: bool) -> None:
    assert is_worse(Tally(requests, errors), Tally(500, 0), TOLERANCE) is worse


def test_earlier_error_rate_is_tolerated() -> None:
    assert not is_worse(Tally(300, 60), Tally(1000, 200), TOLERANCE)
    assert is_worse(Tally(300, 120), Tally(1000, 200), TOLERANCE)


def test_zero_tolerance_allows_the_earlier_rate() -> None:
    assert is_worse(Tally(100_000, 200), Tally(100_000, 100), 0.0)
    assert not is_worse(Tally(100_000, 100), Tally(100_000, 100), 0.0)


def test_reset_counter_counts_from_zero() -> None:
    assert Tally(7, 2).since(Tally(100, 1)) == Tally(7, 2)
    assert Tally(107, 3).since(Tally(100, 1)) == Tally(7, 2)


def test_own_probes_are_not_counted_as_clients() -> None:
    traffic = Traffic(base={"api": Tally(10, 4)})
    for status in (200, 200, 503):
        traffic.probed("api", status)
    traffic.count({"api": Tally(20, 6)})
    assert traffic.evidence() == {"api": {"requests": 7, "errors": 1, "before": "0 of 0"}}


def test_uncounted_probes_keep_the_count_at_zero() -> None:
    traffic = Traffic(base={})
    for _ in range(5):
        traffic.probed("api", 503)
    traffic.count({"api": Tally(3, 1)})
    assert traffic.evidence() == {"api": {"requests": 0, "errors": 0, "before": "0 of 0"}}


def test_first_counts_become_the_missing_base() -> None:
    traffic = Traffic()
    traffic.probed("api", 200)
    traffic.count({"api": Tally(1000, 900)})
    assert traffic.failing(TOLERANCE) is None
    traffic.count({"api": Tally(1010, 905)})
    assert traffic.failing(TOLERANCE) == "api"
    assert traffic.said("api") == "5 of 10 client requests got a 5xx answer; on the old color 0 of 0"
