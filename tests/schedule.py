"""Distributes tests over processes: files that need the whole host run in turn, busy and waiting ones at once."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

import pytest
from xdist.scheduler import LoadFileScheduling

WHOLE_HOST = (
    "tests/acceptance/takeover/test_takeover.py",
    "tests/acceptance/production/test_production_stack.py",
    "tests/acceptance/production/test_self_update.py",
)
"""These files share image names, container names and ports: see tests/acceptance/host/turn.py."""


SWARM = "tests/integration/swarm/"
"""The files of this package share one swarm."""


class WholeHostsInTurn(LoadFileScheduling):  # type: ignore[misc]
    """Sends each file to one process, and all of WHOLE_HOST or SWARM to the same one: no process waits for another."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        if file.startswith(SWARM):
            return SWARM
        return WHOLE_HOST[0] if file in WHOLE_HOST else file


SECONDS = {"tests/acceptance/": 35.0, "tests/browser/": 9.0, "tests/integration/": 1.4, "tests/unit/": 0.05}
"""What a test takes on average."""

BUSY = ("tests/acceptance/", "tests/browser/")
"""These tests keep the processors busy; the others mostly wait."""

LEAD = 1.15
"""How far the busy files are ahead. They end first, because the last one would run alone for long."""


def in_order(items: list[pytest.Item]) -> None:
    """Sorts the files: WHOLE_HOST, which takes longest in a row, then busy and waiting ones, evenly mixed."""
    files: dict[str, list[pytest.Item]] = {}
    for test in items:
        files.setdefault(_file_of(test), []).append(test)
    busy = [file for file in files if file.startswith(BUSY)]
    waiting = [file for file in files if not file.startswith(BUSY)]
    seconds = {file: len(tests) * _seconds_each(file) for file, tests in files.items()}
    place = _spread(waiting, seconds, 1.0) | _spread(busy, seconds, LEAD) | dict.fromkeys(WHOLE_HOST, -1.0)
    items[:] = [test for file in sorted(files, key=place.__getitem__) for test in files[file]]


def _spread(files: Sequence[str], seconds: Mapping[str, float], lead: float) -> dict[str, float]:
    """The part of the time of all `files` after which each one starts, by `lead` too early."""
    ends = list(accumulate(seconds[file] for file in files))
    return {file: (end - seconds[file]) / (ends[-1] * lead) for file, end in zip(files, ends, strict=True)}


def _seconds_each(file: str) -> float:
    return next((each for start, each in SECONDS.items() if file.startswith(start)), 1.0)


def _file_of(test: pytest.Item) -> str:
    return test.nodeid.partition("::")[0]


def scheduler(config: pytest.Config, log: object) -> WholeHostsInTurn | None:
    """Returns None unless tests are distributed by file."""
    return WholeHostsInTurn(config, log) if config.getvalue("dist") == "loadfile" else None
