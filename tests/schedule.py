"""Distributes tests over processes: the files that need the whole host run one after another."""

import pytest
from xdist.scheduler import LoadFileScheduling

WHOLE_HOST = (
    "tests/acceptance/takeover/test_takeover.py",
    "tests/acceptance/production/test_production_stack.py",
    "tests/acceptance/production/test_self_update.py",
)
"""These files share image names, container names and ports: see tests/acceptance/host/turn.py."""


class WholeHostsInTurn(LoadFileScheduling):  # type: ignore[misc]
    """Sends each file to one process, and all of WHOLE_HOST to the same one, so that no process waits for another."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return WHOLE_HOST[0] if file in WHOLE_HOST else file


def first_the_whole_hosts(items: list[pytest.Item]) -> None:
    """Moves the tests of WHOLE_HOST, which take longest in a row, to the front."""
    items.sort(key=lambda item: item.nodeid.partition("::")[0] not in WHOLE_HOST)


def scheduler(config: pytest.Config, log: object) -> WholeHostsInTurn | None:
    """Returns None unless tests are distributed by file."""
    return WholeHostsInTurn(config, log) if config.getvalue("dist") == "loadfile" else None
