"""What a draw chooses from: the releases, the moments, and how a release can be bad."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from tests.simulation.schedule import FIRST, Event, Setting

TAGS = tuple(f"v1.{n}.0" for n in range(1, 7))
OLDER = "v0.9.0"
LATEST_SECONDS = 100.0
"""Releases come within this time, so that most rollouts end before the faults do."""

BEFORE_FLIP = (
    *("step preflight", "step git_fetch_tags", "step git_checkout_tag", "step docker_build", "step before_flip_1_api"),
    *("step start_skills", "step health_skills", "step health_api"),
)
PAST_FLIP = ("step route_switch", "flip", "step health_routed_skills", "step restart_bot", "step bake")
UNDO = ("failed", "undo", "step discard", "step rollback_route", "step rollback_bot", "step rollback_stop")
EFFECTS = ("effect start", "effect ask", "effect stop", "effect create", "effect replace")
STARTS = ("start", "take over", "step resume_check", "lease")
OTHERS = ("begin", "end", "write", "step stop_old_color", "step prune")
SUCCESSION = ("succession", "successor", "put web", "put worker", "succession back", "succession ends")
CUES = (*BEFORE_FLIP, *PAST_FLIP, *UNDO, *EFFECTS, *STARTS, *OTHERS)
FOLLOWERS = ("step follow_queue", "step rollback_follow_queue")
JOB = ("step before_flip_1_migrate", "step before_flip_2_migrate", "effect run")
TURNS = (3, 3, 20, 20, 200)
"""An event follows its cue within at most this many turns of the worker."""

BAD: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "api": (
        {"builds": False},
        {"starts": False},
        {"status": 500},
        {"dies_after": 0.7},
        {"dies_after": 4.0},
        {"dies_after": 4.0, "comes_back": True},
        {"ready_after": 5.0},
        {"ready_after": 60.0},
        {"build_seconds": 5.0},
        {"stop_seconds": 2.0},
    ),
    "bot": (
        {"check_passes": False},
        {"dies_after": 0.2},
        {"dies_after": 2.0, "comes_back": True},
        {"starts": False},
        {"stop_seconds": 2.0},
        {"stop_seconds": 2.0},
        {"stops": False},
        {"ready_after": 4.0},
        {"own_check": False},
    ),
}
BAD_FOLLOWER: Sequence[Mapping[str, Any]] = (
    {"check_passes": False},
    {"dies_after": 0.2},
    {"dies_after": 2.0, "comes_back": True},
    {"starts": False},
    {"stop_seconds": 2.0},
    {"stop_seconds": 2.5, "stop_grace": 20.0},
    {"stops": False},
    {"ready_after": 4.0},
    {"own_check": False},
    {"copies": 1},
    {"copies": 4},
    {"copies": 0},
)
"""How a follower of a release is bad, slow or otherwise unlike the others."""

BAD_PAST_FLIP: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("bot", {"check_passes": False}),
    ("bot", {"starts": False}),
    ("bot", {"dies_after": 2.0, "comes_back": True}),
    ("api", {"dies_after": 4.0}),
    ("api", {"dies_after": 4.0, "comes_back": True}),
)
"""How a release fails after its flip."""


class Chances:
    """One seed's choices: the setting, the releases and their behaviours, and the events so far."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - it draws what happens in a play
        self.events: list[Event] = []
        self.setting = self._setting()
        self.releases = self._releases()
        behaviours = {tag: self._behaviour(tag) for tag in (FIRST, *self.releases)}
        self.behaviours = {tag: behaviour for tag, behaviour in behaviours.items() if behaviour}

    def _setting(self) -> Setting:
        random = self.random
        return Setting(
            begins=random.choices(("live", "empty", "adopted", "one down"), (34, 2, 2, 1))[0],
            latency=random.choice((0.001, 0.01, 0.01, 0.1, 0.5)),
            enabled=random.random() > 0.03,
            approval=random.random() < 0.05,
            window=random.random() < 0.05,
            command=random.random() < 0.2,
            pause_on_failure=random.random() > 0.2,
            supersede=random.random() > 0.1,
            check_minutes=random.choices((0.0, 0.5), (9, 1))[0],
            deployments=random.random() < 0.1,
            recorded=random.random() > 0.1,
        )

    def go_on_with(self, random: Random) -> None:
        """Chooses from `random` from now on."""
        self.random = random

    def set(self, **change: Any) -> None:
        self.setting = replace(self.setting, **change)

    def _releases(self) -> list[str]:
        """Publishes a few releases: mostly in order, sometimes close together, twice, or without a webhook."""
        random = self.random
        tags = list(TAGS[: random.choice((1, 1, 2, 2, 3, 4))])
        if random.random() < 0.15:
            random.shuffle(tags)
        at = random.uniform(1, 20)
        for tag in tags:
            lost = bool(self.setting.check_minutes) and random.random() < 0.3
            self.add("missed" if lost else "release", tag=tag, at=at)
            if random.random() < 0.1:
                self.add("release", tag=tag, at=at + random.expovariate(0.1))
            at = min(LATEST_SECONDS, at + random.choice((0.0, random.uniform(0, 3), random.uniform(3, 20), 40.0)))
        return tags

    def new_updater(self, tag: str) -> None:
        """The release has another updater, which may be bad."""
        random = self.random
        unwell = random.choice(("", "", "", "web", "worker", "worker"))
        bad: dict[str, Any] = {"unwell": unwell, "ends": random.random() < 0.3} if unwell else {}
        if random.random() < 0.1:
            bad["absent"] = True
            self.add("image_arrives", at=random.uniform(20, 160))
        self.behaviours.setdefault(tag, {})["updater"] = bad

    def _behaviour(self, tag: str) -> dict[str, dict[str, Any]]:
        random = self.random
        if tag == FIRST:
            slow = random.random() < 0.2
            return {"bot": {"stop_seconds": 2.0}} if slow else {}
        if random.random() < 0.6:
            return {}
        service = random.choice(("api", "bot"))
        return {service: dict(random.choice(BAD[service]))}

    # Events

    def add(self, does: str, *, at: float | None = None, **options: Any) -> None:
        """Adds an event at a moment, or after a cue."""
        random = self.random
        moment = random.uniform(0, LATEST_SECONDS) if at is None else at
        if at is None and random.random() < 0.75:
            self.after(random.choice(CUES), does, at=random.choice((0.0, moment)), **options)
        else:
            self.events.append(Event(round(moment, 2), does, options))

    def after(self, cue: str, does: str, *, at: float = 0.0, most: int | None = None, **options: Any) -> None:
        """Adds an event that follows the next `cue` after `at`, within `most` turns; every other time at once."""
        turns = self.random.randint(0, self.random.choice(TURNS if most is None else (2, most)))
        self.events.append(Event(round(at, 2), does, options, cue, turns))

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def seconds(self) -> float:
        """How long a fault lasts: short ones are as frequent as those that outlast limits."""
        return round(self.random.choice((0.2, 1.0, 3.0, 8.0, 20.0, 40.0, 70.0)) * self.random.uniform(0.5, 1.5), 2)
