"""Points at which a rollout can be killed, found from outside by watching the state file."""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.faults.stage import Json, Stage

POLL_SECONDS, READ_SECONDS = 0.005, 0.5
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
"""The steps of a rollback before the flip."""


class Moment(StrEnum):
    BEGUN = "begun"
    ENDED = "ended"


@dataclass(frozen=True)
class Point:
    """A write to the state file that records the beginning or the end of `step`."""

    step: str
    moment: Moment = Moment.BEGUN

    def __str__(self) -> str:
        return f"{self.step} {self.moment}"

    def in_journal(self, state: Json) -> bool:
        steps = (state.get("rollout") or {}).get("steps", [])
        runs = [s for s in steps if s["name"] == self.step]
        return any(s["seconds"] is not None for s in runs) if self.moment is Moment.ENDED else bool(runs)


def schedule(*, both: bool) -> list[list[Point]]:
    """Spreads the kill points of all steps over as few releases as the limits on attempts allow.

    Each release has at most two kills before the flip and three after it, in the order of the steps.
    """
    moments = tuple(Moment) if both else (Moment.BEGUN,)
    before = [Point(step, moment) for step in BEFORE_THE_FLIP for moment in moments]
    after = [Point(step, moment) for step in AFTER_THE_FLIP for moment in moments]
    releases = max(-(-len(before) // 2), -(-len(after) // 3))
    return [before[n::releases][:2] + after[n::releases][:3] for n in range(releases)]


def pairs(steps: Sequence[str], *, both: bool) -> list[tuple[Point, Point]]:
    """Pairs each kill point with the next one: two kills in one rollback."""
    moments = tuple(Moment) if both else (Moment.BEGUN,)
    return list(itertools.pairwise(Point(step, moment) for step in steps for moment in moments))


async def until(stage: Stage, tag: str | None, reached: Callable[[Json], bool], limit: float = REACHED_SECONDS) -> bool:
    """Waits until `reached` holds for the journal, and for `tag` (if given) in its rollout.

    Returns False if that rollout ended first. Raises TimeoutError after `limit` seconds.
    """
    limit *= stage.patience
    deadline, mark, read_at = time.monotonic() + limit, None, 0.0
    while (at := time.monotonic()) < deadline:
        if (now := _mark(stage)) != mark or at - read_at > READ_SECONDS:  # two files can have the same mark
            mark, read_at, state = now, at, stage.journal()
            running = tag is None or (state.get("rollout") or {}).get("release", {}).get("tag") == tag
            if running and reached(state):
                return True
            if tag and state and not running and _is_over(state, tag):
                return False
        await asyncio.sleep(POLL_SECONDS)
    raise TimeoutError(f"{tag} did not reach that point within {limit:.0f} s: {_position(stage.journal())}")


async def until_point(stage: Stage, tag: str, point: Point) -> bool:
    return await until(stage, tag, point.in_journal)


def _position(state: Json) -> str:
    rollout = state.get("rollout") or {}
    return f"the rollout is {rollout['status']} in {rollout['steps'][-1:]}" if rollout else "there is no rollout"


def _is_over(state: Json, tag: str) -> bool:
    """Whether `tag` was tried and does not wait for another attempt, or waits while the updater is paused."""
    waits = any(release["tag"] == tag for release in state["accepted"])
    return bool(state["paused"]) if waits else state["last_attempted_tag"] == tag


def _mark(stage: Stage) -> tuple[int, int] | None:
    try:
        found = stage.journal_file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
