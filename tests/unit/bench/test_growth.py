from app.domain.acceptance.decision import decide
from app.domain.release import Release
from app.domain.state import State
from deploy.bench.growth import release_of
from deploy.bench.receiver import delivery


def test_filled_releases_have_a_place_in_the_order() -> None:
    first, second = release_of(9), release_of(10)
    assert decide(State(accepted=(first, second))).go == second


def test_delivered_releases_are_newer_than_the_filled_ones() -> None:
    assert isinstance(release_of(1), Release)
    assert b"v1.0.1000001" in delivery(1_000_001)
