from collections import Counter

import pytest

from tests.faults.observers import count_most
from tests.faults.stage import Json

LABEL = "updater.rollout"


def event(action: str, container: str, rollout: str = "r-1") -> Json:
    labels = {"com.docker.compose.service": "bot", LABEL: rollout}
    return {"Action": action, "Actor": {"ID": container, "Attributes": labels}}


@pytest.mark.parametrize(
    ("events", "most"),
    [
        ([event("create", "a"), event("create", "b")], 2),
        ([event("create", "a"), event("destroy", "a"), event("create", "b")], 1),
        ([event("destroy", "before"), event("create", "a"), event("create", "b")], 2),
        ([event("destroy", "before")], 0),
    ],
)
def test_only_containers_created_meanwhile_count(events: list[Json], most: int) -> None:
    counted: Counter[tuple[str, str]] = Counter()
    count_most(events, LABEL, counted)
    assert counted["bot", "r-1"] == most


def test_each_rollout_is_counted_on_its_own() -> None:
    counted: Counter[tuple[str, str]] = Counter()
    count_most([event("create", "a"), event("create", "b", "r-2")], LABEL, counted)
    assert counted == {("bot", "r-1"): 1, ("bot", "r-2"): 1}
