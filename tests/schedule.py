"""Which process plays which tests, when several play at once: the files that need the whole host follow one another."""

import pytest
from xdist.scheduler import LoadFileScheduling

WHOLE_HOST = (
    "tests/acceptance/test_takeover.py",
    "tests/acceptance/test_production_stack.py",
    "tests/acceptance/test_self_update.py",
)
"""They have image names, container names and ports in common: see tests/acceptance/host/turn.py."""


class WholeHostsInTurn(LoadFileScheduling):  # type: ignore[misc]
    """Each file goes to one process, and all of WHOLE_HOST to the same one: no process waits for another's turn."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return WHOLE_HOST[0] if file in WHOLE_HOST else file


def first_the_whole_hosts(items: list[pytest.Item]) -> None:
    """The longest row of tests begins first."""
    items.sort(key=lambda item: item.nodeid.partition("::")[0] not in WHOLE_HOST)


def scheduler(config: pytest.Config, log: object) -> WholeHostsInTurn | None:
    """None for another way of distributing tests than by file."""
    return WholeHostsInTurn(config, log) if config.getvalue("dist") == "loadfile" else None
