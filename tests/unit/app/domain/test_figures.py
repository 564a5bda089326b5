"""The figures of a rollout, and the usual duration of its steps."""

from dataclasses import replace

from app.domain.figures import Figures, figures_of, usual_seconds
from app.domain.history import HistoryEntry, went_live
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.step import BAKE, ROUTE_SWITCH, step_named
from tests.examples import NOW, a_release, a_rollout

BAKED = {"traffic": {"api": {"requests": 900, "errors": 2, "before": "0 of 4"}, "web": {"requests": 100, "errors": 1}}}
BOT, SCHEDULER = step_named("restart_bot"), step_named("restart_scheduler")


def live() -> Rollout:
    rollout = a_rollout().begin(ROUTE_SWITCH, NOW).end(ROUTE_SWITCH, 0.1, {"flip_ms": 61.5})
    rollout = rollout.begin(BOT, NOW).end(BOT, 2.0, {"gap_seconds": 0.8})
    rollout = rollout.begin(SCHEDULER, NOW).end(SCHEDULER, 2.0, {"gap_seconds": 1.4})
    return rollout.begin(BAKE, NOW).end(BAKE, 60.0, BAKED).finish(RolloutStatus.SUCCESS, NOW)


def test_figures_are_those_of_the_evidence() -> None:
    assert figures_of(live()) == Figures(flip_ms=61.5, requests=1000, failed_requests=3, gap_seconds=1.4)


def test_failed_bake_still_says_what_clients_got() -> None:
    rollout = a_rollout().begin(BAKE, NOW).fail(BAKE, 3.0, "it died", BAKED)
    assert (figures_of(rollout).requests, figures_of(rollout).failed_requests) == (1000, 3)


def test_what_was_not_measured_is_unknown_and_not_zero() -> None:
    unwatched = a_rollout().begin(BAKE, NOW).end(BAKE, 60.0, {"traffic": {"unknown": "traefik/metrics is not set"}})
    kept_bot = unwatched.begin(BOT, NOW).end(BOT, 0.1, {"skipped": "nothing about it changed"})
    assert figures_of(a_rollout()) == figures_of(kept_bot) == Figures()


def test_history_entry_has_the_figures_and_the_release_before() -> None:
    entry = HistoryEntry.of(live())
    assert (entry.flip_ms, entry.failed_requests, entry.requests, entry.gap_seconds) == (61.5, 3, 1000, 1.4)
    assert entry.previous == "v1.0.0"


def test_rollouts_that_went_live_are_not_those_that_brought_one_back() -> None:
    back = a_rollout(release=replace(a_release(), recall="a" * 40)).finish(RolloutStatus.SUCCESS, NOW)
    failed = a_rollout().finish(RolloutStatus.FAILED, NOW)
    entries = [HistoryEntry.of(rollout) for rollout in (back, live(), failed)]
    assert went_live(entries) == [entries[1]]


def test_usual_duration_is_the_median_of_each_step() -> None:
    took = [{"docker_build": 10.0, "bake": 60.0}, {"docker_build": 300.0, "bake": 60.0}, {"docker_build": 12.0}]
    assert usual_seconds(took) == {"docker_build": 12.0, "bake": 60.0}
    assert usual_seconds(took[:2])["docker_build"] == 155.0
    assert usual_seconds([]) == {}
