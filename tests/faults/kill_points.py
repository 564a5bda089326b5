"""Where a rollout can be killed: found from outside, by watching what is written to the state file."""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.faults.stage import Json, Stage

POLL_SECONDS = 0.005
REACHED_SECONDS = 90.0

BEFORE_THE_FLIP = (
    *("preflight", "git_fetch_tags", "git_checkout_tag", "docker_build"),
    *("start_skills", "start_api", "health_skills", "health_api"),
)
AFTER_THE_FLIP = (
    *("route_switch", "health_routed_skills", "health_routed_api", "restart_bot"),
    *("bake", "stop_old_color", "prune"),
)
ROLLBACK = ("rollback_route", "rollback_bot", "rollback_stop", "prune")
DISCARD = ("discard", "prune")
"""Of a rollback before the flip."""


class Moment(StrEnum):
    BEGUN = "begun"
    ENDED = "ended"


@dataclass(frozen=True)
class Point:
    """A write to the state file: that `step` has begun, or that it has ended."""

    step: str
    moment: Moment = Moment.BEGUN

    def __str__(self) -> str:
        return f"{self.step} {self.moment}"

    def in_journal(self, state: Json) -> bool:
        steps = (state.get("rollout") or {}).get("steps", [])
        mine = [s for s in steps if s["name"] == self.step]
        return any(s["seconds"] is not None for s in mine) if self.moment is Moment.ENDED else bool(mine)


def schedule(*, both: bool) -> list[list[Point]]:
    """Every step's kill points, spread over as few releases as the bounds on attempts allow: two before the flip and
    three after it in each, later ones always at later steps."""
    moments = tuple(Moment) if both else (Moment.BEGUN,)
    before = [Point(step, moment) for step in BEFORE_THE_FLIP for moment in moments]
    after = [Point(step, moment) for step in AFTER_THE_FLIP for moment in moments]
    releases = max(-(-len(before) // 2), -(-len(after) // 3))
    return [before[n::releases][:2] + after[n::releases][:3] for n in range(releases)]


def pairs(steps: Sequence[str], *, both: bool) -> list[tuple[Point, Point]]:
    """Two kills in one rollback each: every point is in one of them, the later ones as the second of it."""
    moments = tuple(Moment) if both else (Moment.BEGUN,)
    return list(itertools.pairwise(Point(step, moment) for step in steps for moment in moments))


async def until(stage: Stage, tag: str | None, reached: Callable[[Json], bool], limit: float = REACHED_SECONDS) -> bool:
    """Waits until the journal, in the rollout of `tag` if given, is so; False when that ended. Raises TimeoutError."""
    deadline, mark = time.monotonic() + limit, None
    while time.monotonic() < deadline:
        if (now := _mark(stage)) != mark:
            mark, state = now, stage.journal()
            mine = tag is None or (state.get("rollout") or {}).get("release", {}).get("tag") == tag
            if mine and reached(state):
                return True
            if tag and state and not mine and _is_over(state, tag):
                return False
        await asyncio.sleep(POLL_SECONDS)
    raise TimeoutError(f"{tag} did not come that far within {limit:.0f} s: {_where(stage.journal())}")


async def until_point(stage: Stage, tag: str, point: Point) -> bool:
    return await until(stage, tag, point.in_journal)


def _where(state: Json) -> str:
    rollout = state.get("rollout") or {}
    return f"its rollout is {rollout['status']} in {rollout['steps'][-1:]}" if rollout else "it has no rollout"


def _is_over(state: Json, tag: str) -> bool:
    """It was tried and does not wait for another attempt, or it waits and nothing may start."""
    waits = any(release["tag"] == tag for release in state["accepted"])
    return bool(state["paused"]) if waits else state["last_attempted_tag"] == tag


def _mark(stage: Stage) -> tuple[int, int] | None:
    try:
        found = stage.journal_file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
