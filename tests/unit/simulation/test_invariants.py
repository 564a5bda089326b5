"""What an invariant finds: the plays of correct code never show it."""

from pathlib import Path

import pytest

from app.domain.state import State
from tests.examples import a_release, a_rollout, sha_of
from tests.fakes.engine.socket import OpenSocket
from tests.fakes.world import World
from tests.simulation.invariants.journal import what_the_route_shows_as_undone_never_begins
from tests.simulation.invariants.succession import (
    only_the_side_that_claimed_it_ends_the_other,
    the_succession_has_ended,
)
from tests.simulation.observation.observed import Observed, Write
from tests.simulation.own import own_of
from tests.simulation.schedule import NewUpdater
from workers.self_update.model import Attempt, Side

UNDONE = "r-v1.1.0"


def begins(rollout_id: str) -> Write:
    release = a_release("v1.1.0", rollout_id=rollout_id)
    return Write(State(), State().begin(a_rollout(release=release)), afresh=False)


def test_an_undone_release_that_begins_again_is_found() -> None:
    seen = Observed(World())
    assert what_the_route_shows_as_undone_never_begins(seen, begins(UNDONE)) is None
    seen.undone.add(UNDONE)
    assert what_the_route_shows_as_undone_never_begins(seen, begins("another")) is None
    assert "was undone" in str(what_the_route_shows_as_undone_never_begins(seen, begins(UNDONE)))
    seen.happened["redis_lost"] += 1
    assert what_the_route_shows_as_undone_never_begins(seen, begins(UNDONE)) is None


def in_a_succession(claimed: Side | None, *, ended: bool = False) -> Observed:
    seen = Observed(World())
    seen.own = own_of(seen.world, OpenSocket(), ("v1.0.0", "v1.1.0", "v1.2.0"), {"v1.2.0": NewUpdater()})
    seen.own.machine.attempt = Attempt(UNDONE, "v1.1.0", ended=ended)
    seen.own.machine.claimed = {UNDONE: claimed} if claimed else {}
    return seen


@pytest.mark.parametrize(
    ("does", "side", "other"),
    [
        ("put worker", Side.SUCCESSOR, Side.WORKER),
        ("dismiss the successor", Side.WORKER, Side.SUCCESSOR),
    ],
)
def test_only_the_side_with_the_claim_may_end_the_other(does: str, side: Side, other: Side) -> None:
    assert only_the_side_that_claimed_it_ends_the_other(in_a_succession(side), does) is None
    for wrong in (other, None):
        assert "claimed the succession" in str(
            only_the_side_that_claimed_it_ends_the_other(in_a_succession(wrong), does)
        )
    assert only_the_side_that_claimed_it_ends_the_other(in_a_succession(None), "put web") is None


def test_the_worker_removes_a_successor_that_has_ended() -> None:
    seen = in_a_succession(Side.SUCCESSOR, ended=True)
    assert only_the_side_that_claimed_it_ends_the_other(seen, "dismiss the successor") is None


def test_a_service_that_an_older_release_defines_alike_is_not_started_again() -> None:
    seen = in_a_succession(Side.WORKER, ended=True)
    assert seen.own is not None
    alike, new = Path("/trees", sha_of("v1.1.0"), "updater.json"), Path("/trees", sha_of("v1.2.0"), "updater.json")
    seen.own.machine.prepared = {UNDONE: (alike, new)}
    assert the_succession_has_ended(seen) is not None, "the new updater should run"
    seen.own.machine.attempt = Attempt(UNDONE, "v1.2.0", ended=True, why="its web is unwell")
    assert the_succession_has_ended(seen) is None
    seen.own.machine.start("web", new)
    assert "web is {'image': 'web:v1.2.0'}" in str(the_succession_has_ended(seen))
