import pytest

from workers.definition.swarm.units import nano_cpus, nanoseconds, seconds, size


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5s", 5), ("1m30s", 90), ("1h0m0.5s", 3600.5), ("250ms", 0.25), ("0s", 0), ("1m0s", 60), ("100us", 0.0001)],
)
def test_durations_are_as_compose_writes_them(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)
    assert nanoseconds(text) == round(expected * 10**9)


@pytest.mark.parametrize("text", ["", "5", "5 s", "s", "5s!", "1d", "-5s"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("67108864", 2**26), ("64m", 2**26), ("64MiB", 2**26), ("1.5g", 3 * 2**29), (1024, 1024)]
)
def test_sizes_are_bytes(text: str | int, expected: int) -> None:
    assert size(text) == expected


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="no size"):
        size("much")


def test_cpus_are_counted_in_billionths() -> None:
    assert (nano_cpus("0.5"), nano_cpus(2)) == (500_000_000, 2_000_000_000)
