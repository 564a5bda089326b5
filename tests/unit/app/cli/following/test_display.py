import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rich.console import Console

from app.api.rollout import NextAttempt
from app.cli.following.display import (
    JsonLines,
    LivePicture,
    PlainLines,
    picture,
)
from app.cli.following.progress import FollowedRollout, Phase, StepSeen

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUNNING = FollowedRollout("r-1", "v1.1.0", phase=Phase.RUNNING, step="docker_build", percent=40, started_at=BEGAN)


def now() -> datetime:
    return BEGAN + timedelta(seconds=12)


def console(*, terminal: bool = False) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=terminal, width=120, markup=False, highlight=False, color_system=None
    )


def text_of(shown: Console) -> str:
    assert isinstance(shown.file, io.StringIO)
    return shown.file.getvalue()


def test_plain_lines_print_each_change_once() -> None:
    out = console()
    display = PlainLines(out, now)
    done = replace(RUNNING, steps=(StepSeen("preflight", 0.5), StepSeen("docker_build")), eta_seconds=20)
    again = NextAttempt(attempt=3, at="2026-01-02T03:04:57Z", error="it hung up")
    retried = replace(done, steps=(*done.steps[:1], StepSeen("docker_build", retry=again)))
    broken = replace(done, steps=(*done.steps[:1], StepSeen("docker_build", error="exit code 17")))
    for progress in (FollowedRollout("r-1", "v1.1.0", waits_for="v1.0.9 to end"), RUNNING, done, done, retried, broken):
        display.show(progress)
    assert text_of(out).splitlines() == [
        "    0.0 s  v1.1.0  queued: waiting for v1.0.9 to end",
        "   12.0 s  v1.1.0  running",
        "   12.0 s  v1.1.0  docker_build …  40 %",
        "   12.0 s  v1.1.0  preflight done in 0.5 s  40 %, 20 s left",
        "   12.0 s  v1.1.0  docker_build …  40 %, 20 s left",
        "   12.0 s  v1.1.0  docker_build: retrying, attempt 3, next in 40 s: it hung up  40 %, 20 s left",
        "   12.0 s  v1.1.0  docker_build failed: exit code 17  40 %, 20 s left",
    ]


def test_line_is_not_wrapped_without_a_terminal() -> None:
    out = console()
    PlainLines(out, now).say("x" * 300)
    assert text_of(out) == "x" * 300 + "\n"


def test_picture_shows_step_percent_and_times() -> None:
    out = console(terminal=True)
    out.print(picture(replace(RUNNING, eta_seconds=20, last_line="#7 [2/3] RUN make"), 12.0))
    shown = text_of(out)
    for part in ("v1.1.0", "docker_build", "40 %, 20 s left", "12 s", "#7 [2/3] RUN make"):
        assert part in shown


def test_picture_is_removed_and_steps_remain() -> None:
    out = console(terminal=True)
    display = LivePicture(out, now)
    with display.running():
        display.show(replace(RUNNING, steps=(StepSeen("preflight", 0.5),)))
        display.say("The updater answers again.")
    shown = text_of(out)
    assert "preflight done in 0.5 s" in shown
    assert "The updater answers again." in shown


def test_json_lines_print_one_object_per_change() -> None:
    lines: list[str] = []
    display = JsonLines(lines.append, now)
    for progress in (RUNNING, RUNNING, replace(RUNNING, percent=50), replace(RUNNING, phase=Phase.ENDED)):
        display.show(progress)
    display.say("gone")
    assert [json.loads(line) for line in lines] == [
        {**first(40)},
        {**first(50)},
        {"note": "gone"},
    ]


def first(percent: int) -> dict[str, object]:
    return {
        "rollout_id": "r-1",
        "tag": "v1.1.0",
        "phase": "running",
        "step": "docker_build",
        "percent": percent,
        "eta_seconds": None,
        "last_line": "",
        "elapsed_seconds": 12.0,
    }
