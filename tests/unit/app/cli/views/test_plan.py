from collections.abc import Iterator
from typing import Any

from app.api.plan import Plan
from app.cli.views import plan as views


def plan_lines(fields: dict[str, Any]) -> Iterator[str]:
    return views.plan_lines(Plan.model_validate(fields))


PLAN: dict[str, Any] = {
    "tag": "v1.1.0",
    "sha": "b" * 40,
    "current": {"tag": "v1.0.0", "sha": "a" * 40},
    "target_color": "green",
    "images": [
        {"service": "bot", "image": "shop-bot:bbbbbbbbbbbb", "builds": False, "reason": "nothing below bot/ changed"},
        {"service": "api-green", "image": "shop-api-green:bbbbbbbbbbbb", "builds": True, "reason": "api/ changed"},
    ],
    "starts": ["skills-green", "api-green"],
    "stops": ["skills-blue", "api-blue"],
    "singletons": [
        {"name": "bot", "service": "bot", "restarts": False, "reason": "same image, same definition"},
        {"name": "poller", "service": "poller", "restarts": True, "reason": "its image changes"},
    ],
    "followers": [
        {"name": "queue", "service": "worker", "copies": 3, "replaced": True, "reason": "worker/ changed"},
        {"name": "mailer", "service": "mailer", "copies": 1, "replaced": False, "reason": "nothing about it changed"},
    ],
    "route": {"from": "blue", "to": "green", "routers": ["updater-skills", "updater-api"]},
    "environment_changes": [
        {"service": "api", "added": ["NEW", "NEWER"], "removed": ["OLD"], "changed": ["LEVEL"]},
        {"service": "skills", "added": [], "removed": [], "changed": ["LEVEL"]},
    ],
    "not_applied": [{"service": "postgres", "reason": "its image changes"}],
    "disk": {"free_bytes": 40 * 1024**3, "needed_bytes": 3 * 1024**3},
    "would_start": True,
    "blocked_by": [],
    "warnings": ["the build cache is larger than keep/build_cache_gb"],
}


def test_plan_says_how_many_copies_start() -> None:
    copies = [
        {"service": "skills-green", "copies": 3, "before": 3},
        {"service": "api-green", "copies": 1, "before": 2},
    ]
    text = "\n".join(plan_lines({**PLAN, "copies": copies}))
    assert "start  skills-green (3 copies), api-green (1 copy, 2 before)" in text
    usual = [{"service": "api-green", "copies": 1, "before": 1}, {"service": "skills-green", "copies": 2}]
    assert "start  skills-green (2 copies), api-green\n" in "\n".join(plan_lines({**PLAN, "copies": usual}))


def test_a_plan_reads_as_a_reviewers_summary() -> None:
    assert "\n".join(plan_lines(PLAN)) == (
        """\
v1.1.0 (bbbbbbbbbbbb) would replace v1.0.0 (aaaaaaaaaaaa), on green.
It would start now.

Images
  build  api-green: shop-api-green:bbbbbbbbbbbb  (api/ changed)
  keep   bot: shop-bot:bbbbbbbbbbbb  (nothing below bot/ changed)

Services
  start  skills-green, api-green
  stop   skills-blue, api-blue, after the bake and the drain; kept for a rollback

Route
  blue → green in one step: updater-skills, updater-api

Bots and other singletons
  bot is not restarted (same image, same definition)
  poller restarts: for a moment none runs, never two (its image changes)

Followers
  queue (3 copies) is replaced: new copies start before the old ones stop (worker/ changed)
  mailer is not replaced (nothing about it changed)

Environment (names only)
  api: added NEW, NEWER; removed OLD; changed LEVEL
  skills: changed LEVEL

Changed by this release but NOT applied: the updater does not update these
  postgres: its image changes

Disk
  needs 3.0 GB, 40.0 GB are free

Warnings
  the build cache is larger than keep/build_cache_gb

This is a plan: nothing was changed."""
    )


def test_blocked_plan_prints_the_reasons_second() -> None:
    blocked = {**PLAN, "would_start": False, "blocked_by": ["the updater is paused: why.", "the disk is full"]}
    assert list(plan_lines(blocked))[1] == (
        "It would NOT start now: the updater is paused: why; the disk is full. Your traffic is not affected."
    )


def test_plan_names_first_or_already_live_release() -> None:
    assert next(plan_lines({**PLAN, "current": None})).endswith("would be the first live release, on green.")
    same = next(plan_lines({**PLAN, "current": {"tag": "v1.1.0", "sha": "b" * 40}}))
    assert "is already live; it would be rolled out again" in same


def test_plan_names_adopted_release_or_refusal() -> None:
    adopted = {**PLAN, "current": {**PLAN["current"], "adopted": True}}
    assert "v1.0.0 (aaaaaaaaaaaa), which was running before the updater, on green." in next(plan_lines(adopted))
    refused = {**PLAN, "current": None, "adoption_refused": "two colors have traffic"}
    assert "has not taken over the running stack" in next(plan_lines(refused))


def test_plan_reports_insufficient_disk_space() -> None:
    assert "  needs 2 B, 1 B are free: NOT enough" in plan_lines({**PLAN, "disk": {"free_bytes": 1, "needed_bytes": 2}})


def test_partial_plan_is_still_printed() -> None:
    assert list(plan_lines({"tag": "v1.1.0", "target_color": "blue"}))[-1] == "This is a plan: nothing was changed."


def test_plan_lists_before_flip_commands() -> None:
    command = {"service": "skills", "command": ["python", "-m", "migrate"], "limit": 600.0}
    lines = list(plan_lines({**PLAN, "before_flip": [{**command, "runs": True}, {**command, "runs": False}]}))
    at = lines.index("Before the flip, in the new images")
    assert lines[at + 1 : at + 3] == [
        "  skills: python -m migrate (at most 600 s)",
        "  skills: python -m migrate (skipped: it already succeeded for this commit)",
    ]


def test_plan_says_in_which_network_a_service_is_asked() -> None:
    text = "\n".join(plan_lines({"networks": [{"service": "web-green", "network": "front", "reason": "a reason"}]}))
    assert "Networks\n  the worker asks web-green in front: a reason\n" in text
