import io
from typing import Any

import pytest
from rich.console import Console

from app.api.rollout import Result
from app.cli.following.progress import FollowedRollout
from app.cli.views.show import (
    history_rows,
    show_history,
    show_ignored,
    show_rows,
    show_summary,
    status_rows,
)
from app.domain.history import HistoryEntry
from tests.examples import a_status

STATUS: dict[str, Any] = {
    "state": "idle",
    "active_color": "blue",
    "paused": False,
    "current": {"tag": "v1.0.0", "sha": "a" * 40, "since": "2026-01-02T03:04:05+00:00"},
    "rollout": None,
    "queued": [],
    "held": [],
    "last_result": None,
    "worker_alive": True,
}


@pytest.fixture
def out() -> Console:
    return Console(file=io.StringIO(), width=200, markup=False, highlight=False)


def text_of(out: Console) -> str:
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_idle_status_has_two_lines() -> None:
    assert list(status_rows(a_status(**STATUS))) == [
        ("live", "v1.0.0 (aaaaaaaaaaaa) on blue, since 2026-01-02 03:04:05 UTC"),
        ("state", "idle"),
    ]


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("v1.1.0", "traffic is unchanged, and it does not go live unless it is published again or you deploy it"),
        ("v1.0.0", "it keeps your traffic: see the alarm"),
    ],
)
def test_status_names_a_withdrawn_release(tag: str, meant: str) -> None:
    withdrawn = [{"tag": tag, "at": "2026-01-02T03:04:05Z", "reason": "its release was deleted on GitHub"}]
    rows = dict(status_rows(a_status(**STATUS, withdrawn=withdrawn)))
    assert rows["withdrawn"] == f"{tag}, 2026-01-02 03:04:05 UTC: its release was deleted on GitHub; {meant}"


def test_withdrawn_release_on_trial_has_the_traffic() -> None:
    withdrawn = [{"tag": "v1.1.0", "at": "2026-01-02T03:04:05Z", "reason": "its release was deleted on GitHub"}]
    alarms = [{"kind": "live_release_withdrawn", "text": "v1.1.0 has your traffic"}]
    rows = dict(
        status_rows(a_status(**{**STATUS, "withdrawn": withdrawn, "rollout": {"tag": "v1.1.0"}, "alarms": alarms}))
    )
    assert rows["withdrawn"].endswith("; it keeps your traffic: see the alarm")


IGNORED = {
    "tag": "2024.01.05",
    "repository": "octo/shop",
    "reason": "the tag does not match `tags`",
    "at": "2026-01-02T03:04:05Z",
}


def test_status_names_the_last_ignored_release() -> None:
    rows = dict(status_rows(a_status(**STATUS, ignored=[IGNORED, {**IGNORED, "tag": "nightly"}])))
    assert rows["ignored"] == "2024.01.05, 2026-01-02 03:04:05 UTC. `updater status --ignored` lists why"


def test_ignored_releases_are_listed_with_their_reason() -> None:
    out = Console(file=io.StringIO(), width=200)
    show_ignored(out, a_status(ignored=[{**IGNORED, "tag": "2024\x1b[31m.1"}]).ignored)
    assert "2024.1" in text_of(out)
    assert "2026-01-02 03:04:05 UTC" in text_of(out)
    assert "the tag does not match `tags`" in text_of(out)
    empty = Console(file=io.StringIO(), width=200)
    show_ignored(empty, ())
    assert text_of(empty) == "No release was ignored.\n"


def test_status_lists_running_waiting_and_missing() -> None:
    rollout = {"id": "r-1", "tag": "v1.1.0", "status": "running", "step": "bake", "percent": 80, "eta_seconds": 5.0}
    last = {"tag": "v0.9.0", "status": "rolled_back", "duration_seconds": 3, "completed_at": "2026-01-02T03:04:05Z"}
    rows = dict(
        status_rows(
            a_status(
                **{
                    **STATUS,
                    "rollout": rollout,
                    "paused": True,
                    "pause_reason": "a holiday",
                    "queued": ["v1.2.0"],
                    "held": ["v1.3.0", "v1.4.0"],
                    "last_result": last,
                    "worker_alive": False,
                    "alarms": [{"kind": "route_changed", "text": "Somebody changed the route file."}],
                }
            )
        )
    )
    assert rows["alarm"] == "Somebody changed the route file."
    assert rows["rollout"] == "v1.1.0: bake, 80 %, 5.0 s left (r-1)"
    assert "page" not in rows
    assert (rows["paused"], rows["queued"], rows["held"]) == ("a holiday", "v1.2.0", "v1.3.0, v1.4.0")
    assert rows["last"] == "v0.9.0 rolled back in 3.0 s, 2026-01-02 03:04:05 UTC"
    assert "no heartbeat" in rows["worker"]


def test_status_says_what_is_tried_again() -> None:
    retry = {"attempt": 3, "at": "2026-01-02T03:04:57Z", "error": "GitHub does not answer"}
    rollout = {"id": "r-1", "tag": "v1.1.0", "status": "running", "step": "git_fetch_tags", "retry": retry}
    rows = dict(status_rows(a_status(**{**STATUS, "rollout": rollout})))
    assert rows["retry"] == "retrying, attempt 3: GitHub does not answer", "its time is over"


def test_held_release_prints_its_reason() -> None:
    held_for = [{"tag": "v1.3.0", "reason": "window", "text": "v1.3.0 goes live by itself at night."}]
    rows = list(status_rows(a_status(**{**STATUS, "held": ["v1.3.0"], "held_for": held_for})))
    assert rows[2:] == [("held", "v1.3.0 goes live by itself at night.")]


def test_status_marks_an_adopted_stack() -> None:
    adopted = {**STATUS, "current": {**STATUS["current"], "adopted": True}}
    assert dict(status_rows(a_status(**adopted)))["live"].endswith(", ran before the updater")
    refused = {"state": "idle", "current": None, "alarms": [{"kind": "not_adopted", "text": "why"}]}
    assert dict(status_rows(a_status(**refused)))["live"] == "the running stack, which the updater has not taken over"


def test_status_says_how_many_copies_run() -> None:
    live = {**STATUS, "current": {**STATUS["current"], "copies": {"api": 3, "skills": 1}}}
    assert dict(status_rows(a_status(**live)))["live"].endswith(", 3 copies of api")


def test_status_shows_nothing_live_at_first() -> None:
    assert list(status_rows(a_status(**{"state": "idle", "current": None, "active_color": None}))) == [
        ("live", "nothing"),
        ("state", "idle"),
    ]


def test_release_text_has_no_markup_or_escapes(out: Console) -> None:
    show_rows(out, status_rows(a_status(**{**STATUS, "paused": True, "pause_reason": "[red]x[/] \x1b[2Jy"})))
    assert "[red]x[/] y" in text_of(out)


def test_history_prints_one_line_per_decision(out: Console) -> None:
    entry = HistoryEntry(
        tag="v1.1.0",
        result="rolled_back",
        timestamp="2026-01-02T03:04:05+00:00",
        trigger="webhook",
        rollout_id="r-1",
        error="bake: HTTP 500\n  | line",
        duration_seconds=41.0,
        sha="b" * 40,
    )
    assert list(history_rows([entry])) == [
        ("2026-01-02 03:04:05 UTC", "v1.1.0", "rolled back", "41 s", "webhook", "b" * 12, "r-1", "bake: HTTP 500")
    ]
    show_history(out, [entry])
    assert len(text_of(out).splitlines()) == 2


def test_the_summary_ends_with_every_step(out: Console) -> None:
    result = Result(status="failed", evidence={"preflight": {"seconds": 0.5}, "docker_build": {"seconds": 4.0}})
    show_summary(out, FollowedRollout("r-1", "v1.1.0").end(result))
    lines = text_of(out).splitlines()
    assert lines[-1].split() == ["docker_build", "4.00", "s", "▇" * 30]


def test_status_links_to_the_running_rollout() -> None:
    rollout = {"id": "r-1", "tag": "v1.1.0", "status": "running"}
    rows = dict(status_rows(a_status(**{**STATUS, "rollout": rollout, "public_url": "https://u.example"})))
    assert rows["page"] == "https://u.example/rollouts/r-1"
