"""The simulator itself: the same schedule gives the same play, and a defect is found and made small."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator

import pytest

from app.domain.stack import Color
from tests.simulation import events
from tests.simulation.draw import draw
from tests.simulation.host import Host
from tests.simulation.player import play
from tests.simulation.schedule import Event, Schedule, Setting
from tests.simulation.shrink import shrink

RELEASE = Event(5.0, "release", {"tag": "v1.1.0"})


@pytest.mark.parametrize("seed", range(5))
def test_same_seed_gives_the_same_trace(seed: int) -> None:
    first, second = play(draw(seed)), play(draw(seed))
    assert first.trace.lines() == second.trace.lines()
    assert first.counts == second.counts


def test_another_process_gives_the_same_trace() -> None:
    """The order in a set of texts differs between processes. In this seed, a release lacks two images."""
    words = [sys.executable, "-m", "tests.simulation", "--seed", "29", "--trace"]
    first, second = (
        subprocess.run(words, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("0", "2")
    )
    assert first == second


@pytest.mark.parametrize("seed", range(5))
def test_a_printed_schedule_replays(seed: int) -> None:
    schedule = draw(seed)
    again = Schedule.from_json(schedule.as_json())
    assert again == schedule
    assert play(again).trace.digest() == play(schedule).trace.digest()


def test_seeds_differ() -> None:
    assert len({draw(seed).as_json() for seed in range(50)}) == 50


def test_an_undisturbed_release_goes_live() -> None:
    played = play(Schedule(1, events=(RELEASE,)))
    assert played.violation is None
    assert (played.counts["ended success"], played.counts["rollouts"]) == (1, 1)


def test_a_bad_release_rolls_back() -> None:
    played = play(Schedule(1, behaviours={"v1.1.0": {"bot": {"check_passes": False}}}, events=(RELEASE,)))
    assert played.violation is None
    assert played.counts["ended rolled_back"] == 1


@pytest.mark.parametrize("begins", ["empty", "adopted"])
def test_a_play_may_begin_without_a_live_release(begins: str) -> None:
    played = play(Schedule(1, Setting(begins=begins), events=(RELEASE,)))
    assert played.violation is None
    assert played.counts["ended success"] == 1


def test_a_killed_worker_starts_again_and_goes_on() -> None:
    kill = Event(0.0, "kill", cue="step bake", turns=7)
    played = play(Schedule(1, events=(RELEASE, kill)))
    assert played.violation is None
    assert (played.counts["ended success"], played.counts["event kill"]) == (1, 1)
    assert any(" w1.2 " in line for line in played.trace.lines())


def test_an_end_whose_write_fails_late_is_no_second_begin() -> None:
    """The state file has the end, but its worker was answered that the write failed: it ends the rollout again."""
    stuck = {"v1.1.0": {"worker": {"stops": False}}}
    late = Event(22.0, "write_fails_late", cue="step prune", turns=13)
    events = (RELEASE, Event(7.0, "release", {"tag": "v1.2.0"}), late)
    played = play(Schedule(1, Setting(followers=1), stuck, events))
    assert (played.violation, played.counts["event write_fails_late"]) == (None, 1)


def test_plays_are_compared_until_one_leaves_events_out() -> None:
    """The play without the failure is calm before the worker is back, so its `apply` never happens."""
    hangs = Event(10.0, "target_hangs", {"seconds": 60.0, "unheard": False})
    back = Event(8.0, "terminate", cue="end", turns=60)
    apply = Event(8.0, "apply", {"tag": "v0.9.0", "force": True}, cue="take over")
    played = play(Schedule(1, events=(RELEASE, hangs, back, apply)))
    assert (played.violation, played.counts["event apply"]) == (None, 1)


def test_the_ids_are_random_again_after_a_play() -> None:
    play(Schedule(1))
    assert secrets.token_hex(4) != secrets.token_hex(4)


def test_unknown_events_are_refused() -> None:
    with pytest.raises(ValueError, match="no event is called 'nonsense'"):
        play(Schedule(1, events=(Event(1.0, "nonsense"),)))


@pytest.fixture
def planted() -> Iterator[str]:
    """A defect: an event that stops the color with the traffic."""

    def stop_live(host: Host) -> None:
        (container,) = host.world.engine.containers(f"api-{host.seen.served or Color.BLUE}")
        host.world.engine.ending(container)
        container.end()

    events.KINDS["stop_live"] = stop_live
    yield "stop_live"
    del events.KINDS["stop_live"]


def test_a_planted_defect_is_found_and_shrunk(planted: str) -> None:
    noise = tuple(Event(float(n), does) for n, does in enumerate(("pause", "kill", "unpause", "cancel")))
    defect = Event(0.5, planted, cue="end", turns=12)
    whole = Schedule(1, Setting(latency=0.1, command=True), events=(RELEASE, *noise, defect))
    found = play(whole).violation
    assert found is not None
    assert found.invariant == "nothing stops the served color"

    def fails(schedule: Schedule) -> bool:
        again = play(schedule).violation
        return again is not None and again.invariant == found.invariant

    small = shrink(whole, fails)
    assert small.setting == Setting()
    assert {event.does for event in small.events} == {"release", planted}
    assert small.events[-1].turns == 0
    assert play(Schedule.from_json(small.as_json())).violation is not None


def test_shrinking_ends_after_its_tries() -> None:
    tried: list[Schedule] = []

    def never(schedule: Schedule) -> bool:
        tried.append(schedule)
        return False

    whole = draw(3)
    assert shrink(whole, never, tries=5) is whole
    assert len(tried) < 5
