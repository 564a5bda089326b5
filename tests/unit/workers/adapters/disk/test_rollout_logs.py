import os
from pathlib import Path

import pytest

from tests.examples import NOW
from workers.adapters.disk.rollout_logs import RolloutLogs

LOG_BYTES = 10_000
DAY = 86_400.0


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data" / "logs"


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def write(directory: Path, rollout: str, size: int, *, days_ago: float) -> None:
    """Writes a log whose last line was written `days_ago`."""
    logs = RolloutLogs(directory)
    logs.append(rollout, "x" * size, NOW)
    at = NOW.timestamp() - days_ago * DAY
    os.utime(directory / f"{rollout}.log", (at, at))


def test_line_is_written_with_its_time(directory: Path) -> None:
    logs = RolloutLogs(directory)
    for line in ("one", "größer"):
        logs.append("r-1", line, NOW)
    assert (directory / "r-1.log").read_text("utf-8").splitlines() == [
        "2026-01-02T03:04:05.000+00:00 one",
        "2026-01-02T03:04:05.000+00:00 größer",
    ]


def test_log_keeps_its_newest_lines_within_the_limit(directory: Path) -> None:
    logs = RolloutLogs(directory, log_bytes=LOG_BYTES)
    for number in range(10 * LOG_BYTES // 100):
        logs.append("r-1", f"line {number:06}".ljust(69), NOW)  # 100 bytes with its time and its end
    assert names(directory) == {"r-1.log", "r-1.log.1"}
    kept = [line for name in ("r-1.log.1", "r-1.log") for line in (directory / name).read_text().splitlines()]
    assert LOG_BYTES // 2 < sum(path.stat().st_size for path in directory.iterdir()) <= LOG_BYTES
    numbers = [int(line.split()[2]) for line in kept]
    assert numbers == list(range(numbers[0], 1000)), "no line between two kept ones is missing"


def test_prune_deletes_the_oldest_beyond_the_bytes(directory: Path) -> None:
    for age, rollout in enumerate(("r-new", "r-mid", "r-old")):
        write(directory, rollout, 1000, days_ago=age)
    write(directory, "r-old", 1000, days_ago=3)
    (directory / "r-old.log").rename(directory / "r-old.log.1")
    write(directory, "r-old", 10, days_ago=2)
    freed = RolloutLogs(directory, all_bytes=2500).prune([])
    assert names(directory) == {"r-new.log", "r-mid.log"}
    assert freed > 1000
    assert RolloutLogs(directory, all_bytes=2500).prune([]) == 0


def test_prune_deletes_the_oldest_beyond_the_count(directory: Path) -> None:
    for age, rollout in enumerate(("r-new", "r-mid", "r-old")):
        write(directory, rollout, 10, days_ago=age)
    RolloutLogs(directory, kept=2).prune([])
    assert names(directory) == {"r-new.log", "r-mid.log"}


def test_prune_never_deletes_a_kept_rollouts_log(directory: Path) -> None:
    for age, rollout in enumerate(("r-new", "r-mid", "r-old")):
        write(directory, rollout, 1000, days_ago=age)
    RolloutLogs(directory, all_bytes=100).prune(["r-old"])
    assert names(directory) == {"r-old.log"}


def test_prune_without_a_directory_is_no_error(directory: Path) -> None:
    assert RolloutLogs(directory).prune([]) == 0


def test_unwritable_directory_raises_no_error(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    RolloutLogs(tmp_path / "logs").append("r-1", "a line", NOW)
