from collections.abc import Callable

import pytest
import requests
from docker.errors import APIError

from deploy.demo.docker import projects
from deploy.demo.docker.projects import until_none_is_left


class Leftover:
    """An object of an engine that refuses the first `refusals` removals; `more` appears with the last of them."""

    def __init__(self, engine: "list[Leftover]", refusals: int, more: "Leftover | None" = None) -> None:
        self._engine, self._refusals, self._more = engine, refusals, more

    def remove(self) -> None:
        if self._refusals:
            self._refusals -= 1
            if not self._refusals and self._more:
                self._engine.append(self._more)
            response = requests.Response()
            response.status_code = 409
            raise APIError("it is in use", response=response)
        self._engine.remove(self)


def removals(engine: list[Leftover]) -> Callable[[], list[Callable[[], object]]]:
    return lambda: [each.remove for each in engine]


def test_refused_removal_is_repeated_until_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed command's container appears late, and the network cannot go before it."""
    monkeypatch.setattr(projects, "POLL_SECONDS", 0.0)
    engine: list[Leftover] = []
    engine += [Leftover(engine, 0), Leftover(engine, 2, Leftover(engine, 1))]
    until_none_is_left(removals(engine))
    assert engine == []


def test_object_that_stays_ends_the_wait_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projects, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(projects, "GONE_SECONDS", 0.05)
    engine: list[Leftover] = []
    engine.append(Leftover(engine, 1_000_000))
    until_none_is_left(removals(engine))
    assert len(engine) == 1
