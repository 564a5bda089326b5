import pytest

from deploy.bench.method.figures import Rounds, compare, percentile, rounded, turns


def compared(ours: list[float], reference: list[float]) -> tuple[float | None, ...]:
    figure = compare(ours, reference, bench="b", figure="f", unit="ms", reference_name="r")
    return figure.ours, figure.reference, figure.ratio, figure.ratio_min, figure.ratio_max, figure.rounds


def test_the_ratio_is_taken_within_each_round() -> None:
    assert compared([1, 20, 3], [10, 20, 10]) == (3, 10, 0.3, 0.1, 1, 3)


def test_single_round_is_its_own_median() -> None:
    assert compared([3], [2]) == (3, 2, 1.5, 1.5, 1.5, 1)


def test_zero_reference_has_no_ratio() -> None:
    assert compared([1, 1], [0, 2]) == (1, 1, None, None, None, 2)


def test_zero_of_ours_gives_a_zero_ratio() -> None:
    assert compared([0, 0], [5, 7]) == (0, 6, 0, 0, 0, 2)


def test_missing_round_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        compared([1, 2], [1])


@pytest.mark.parametrize(("value", "shown"), [(1234.56, 1235), (0.000123456, 0.0001235), (0, 0), (99999, 100000)])
def test_figure_is_rounded_to_four_digits(value: float, shown: float) -> None:
    assert rounded(value) == shown


@pytest.mark.parametrize(("share", "value"), [(0, 1), (0.01, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1, 100)])
def test_a_percentile_is_the_nearest_rank(share: float, value: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == value


def test_a_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 0.99) == 7


def test_each_round_starts_with_another_side() -> None:
    assert list(turns("abc", 4)) == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]


def test_only_figures_of_both_sides_are_kept() -> None:
    rounds = Rounds()
    for ours, reference in ((1.0, 2.0), (3.0, 4.0)):
        rounds.add("ours", {"latency": ours, "only ours": 1})
        rounds.add("theirs", {"latency": reference})
    units = {"latency": "ms", "only ours": "s", "nobody's": "s"}
    (figure,) = rounds.figures("bench", "ours", "theirs", units, "web: ")
    assert (figure.bench, figure.figure, figure.unit, figure.reference_name) == (
        "bench",
        "web: latency",
        "ms",
        "theirs",
    )
    assert (figure.ours, figure.reference, figure.ratio, figure.rounds) == (2, 3, 0.625, 2)
