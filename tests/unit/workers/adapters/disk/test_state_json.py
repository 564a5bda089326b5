"""The content of the state file: whole or refused, and readable by other versions and other programs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import BakeFailed
from app.domain.ran import Ran
from app.domain.release import Trigger
from app.domain.required_checks import JudgedChecks, Standing
from app.domain.stack import Color
from app.domain.state import SCHEMA, State
from app.domain.step import StepId, StepKind, step_named
from tests.examples import NOW, a_live, a_release, a_rollout, sha_of
from workers.adapters.disk.state_json import decode, encode

RECORDED = Path(__file__).parents[4] / "samples" / "state"

ROLLOUT = (
    a_rollout(sha=sha_of("v1.1.0"), replaced={"bot": "c1"}, followed={"queue": ("c2", "c3")}, warnings=("slow",))
    .begin(step_named("preflight"), NOW)
    .end(
        step_named("preflight"),
        1.5,
        {"disk_gb": 3.2, "images": {"api": "sha256:1"}, "latency_ms": [1, 2], "color": None},
    )
    .begin(step_named("bake"), NOW)
    .roll_back(BakeFailed(), "bake: it died\n  | líne")
)
FULL = State(
    active_color=Color.BLUE,
    last_good_tag="v1.0.0",
    paused=True,
    pause_reason="why",
    last_checked_at=NOW,
    last_attempted_tag="v1.1.0",
    last_success_at=NOW,
    last_failure_at=NOW,
    resumed_at=NOW,
    epoch=7,
    current=a_live("v1.0.0"),
    previous=a_live("v0.9.0"),
    rollout=ROLLOUT,
    accepted=(
        a_release("v1.2.0", delivery="d-1"),
        a_release("v1.3.0", force=True, trigger=Trigger.RECOVERY, attempts=2),
        a_release("v1.4.0", checks=JudgedChecks(Standing.WAITING, "Not finished: build.", sha_of("v1.4.0"))),
    ),
    ran=(Ran("a" * 40, "skills", ("migrate", "up"), completed=True, services=("skills-blue", "skills-green")),),
)


@pytest.mark.parametrize("state", [State(), FULL])
def test_state_survives_a_round_trip(state: State) -> None:
    assert decode(encode(state)) == state


def test_file_has_the_fields_other_programs_read() -> None:
    fields = json.loads(encode(FULL))
    assert {name: fields[name] for name in ("active_color", "last_good_tag", "paused", "pause_reason")} == {
        "active_color": "blue",
        "last_good_tag": "v1.0.0",
        "paused": True,
        "pause_reason": "why",
    }
    assert {"last_checked_at", "last_attempted_tag", "last_success_at", "last_failure_at", "resumed_at"} <= set(fields)
    assert (fields["schema"], fields["epoch"], len(fields["checksum"])) == (SCHEMA, 7, 64)


def test_a_torn_file_is_never_read_as_a_state() -> None:
    whole = encode(FULL)
    for length in range(len(whole)):
        with pytest.raises(ValueError, match=r"."):
            decode(whole[:length])


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: whole.replace(b'"epoch": 7', b'"epoch": 8'),
        lambda whole: whole.replace(b'"paused": true', b'"paused": false'),
        lambda whole: whole.replace(b"checksum", b"checksun"),
        lambda whole: b"\xff" + whole,
        lambda whole: b"\x00" * len(whole),
        lambda _: b"[]",
        lambda _: b"{}",
    ],
)
def test_a_changed_file_is_never_read_as_a_state(change: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(change(encode(FULL)))


def test_a_later_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="schema"):
        decode(encode(replace(FULL, schema=SCHEMA + 1)))


def test_state_with_step_names_can_be_read() -> None:
    """Recorded with the version of 2026-11-26, during a rollout's hand-over."""
    state = decode((RECORDED / "2026-11-26-restart_bot.json").read_bytes())
    assert state.rollout is not None
    assert state.rollout.running == StepId(StepKind.RESTART, "bot")
    assert state.rollout.past_flip
    assert [(step.kind, step.subject) for step in state.rollout.completed][4:7] == [
        (StepKind.BEFORE_FLIP, "1_skills"),
        (StepKind.START, "skills"),
        (StepKind.HEALTH, "skills"),
    ]
    assert state.rollout.completed[-1] == StepId(StepKind.HEALTH_ROUTED, "skills")


def test_state_keeps_step_names_for_old_versions() -> None:
    steps = json.loads(encode(FULL))["rollout"]["steps"]
    assert [step["name"] for step in steps] == ["preflight", "bake"]
