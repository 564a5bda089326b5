"""Draws a schedule from a seed: a few releases, and a few kinds of trouble around them.

Few kinds at once find more than all of them: most defects need two or three events close to each other.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from tests.simulation.schedule import FIRST, Event, Schedule, Setting

TAGS = tuple(f"v1.{n}.0" for n in range(1, 7))
LATEST_SECONDS = 100.0
"""Releases come within this time, so that most rollouts end before the faults do."""

CUES = (
    *(
        "begin",
        "end",
        "undo",
        "flip",
        "write",
        "effect start",
        "effect ask",
        "effect stop",
        "effect create",
        "effect replace",
    ),
    *("step preflight", "step git_fetch_tags", "step git_checkout_tag", "step docker_build", "step before_flip_1_api"),
    *("step start_skills", "step health_skills", "step health_api", "step route_switch", "step health_routed_skills"),
    *("step restart_bot", "step bake", "step stop_old_color", "step prune", "step discard", "step rollback_route"),
    *("step rollback_bot", "step rollback_stop", "step resume_check", "lease"),
)
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


class Draw:
    """One seed's choices."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - it draws what happens in a play
        self._events: list[Event] = []
        self._seed = seed

    def schedule(self) -> Schedule:
        random = self._random
        setting = self._setting()
        releases = self._releases(setting)
        behaviours = {tag: b for tag in (FIRST, *releases) if (b := self._behaviour(tag))}
        kinds = random.sample(TROUBLE, random.choice((0, 1, 1, 2, 2, 3, 4)))
        for trouble in kinds:
            for _ in range(random.choice((1, 1, 2, 3))):
                trouble(self)
        return Schedule(self._seed, setting, behaviours, tuple(sorted(self._events, key=lambda e: e.at)))

    def _setting(self) -> Setting:
        random = self._random
        return Setting(
            begins=random.choices(("live", "empty", "adopted"), (18, 1, 1))[0],
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

    def _releases(self, setting: Setting) -> list[str]:
        """Publishes a few releases: mostly in order, sometimes close together, twice, or without a webhook."""
        random = self._random
        tags = list(TAGS[: random.choice((1, 1, 2, 2, 3, 4))])
        if random.random() < 0.15:
            random.shuffle(tags)
        at = random.uniform(1, 20)
        for tag in tags:
            lost = bool(setting.check_minutes) and random.random() < 0.3
            self._add("missed" if lost else "release", tag=tag, at=at)
            if random.random() < 0.1:
                self._add("release", tag=tag, at=at + random.expovariate(0.1))
            at = min(LATEST_SECONDS, at + random.choice((0.0, random.uniform(0, 3), random.uniform(3, 20), 40.0)))
        return tags

    def _behaviour(self, tag: str) -> dict[str, dict[str, Any]]:
        random = self._random
        if tag == FIRST:
            slow = random.random() < 0.2
            return {"bot": {"stop_seconds": 2.0}} if slow else {}
        if random.random() < 0.6:
            return {}
        service = random.choice(("api", "bot"))
        return {service: dict(random.choice(BAD[service]))}

    # Events

    def _add(self, does: str, *, at: float | None = None, **options: Any) -> None:
        """Adds an event at a moment, or after a cue."""
        random = self._random
        moment = random.uniform(0, LATEST_SECONDS) if at is None else at
        if at is None and random.random() < 0.75:
            cue, turns = random.choice(CUES), random.randint(0, random.choice(TURNS))
            self._events.append(Event(round(random.choice((0.0, moment)), 2), does, options, cue, turns))
        else:
            self._events.append(Event(round(moment, 2), does, options))

    def _seconds(self) -> float:
        """How long a fault lasts: short ones are as frequent as those that outlast limits."""
        return round(self._random.choice((0.2, 1.0, 3.0, 8.0, 20.0, 40.0, 70.0)) * self._random.uniform(0.5, 1.5), 2)

    def operator(self) -> None:
        random = self._random
        does = random.choice(
            ("pause", "unpause", "unpause", "cancel", "cancel", "rollback", "rollback", "apply", "approve")
        )
        if does == "apply":
            self._add("apply", tag=random.choice((FIRST, *TAGS[:3])), force=random.random() < 0.7)
        elif does == "rollback":
            self._add("rollback", force=random.random() < 0.2)
        else:
            self._add(does)
        if does in {"pause", "cancel", "rollback"} and random.random() < 0.5:
            self._add("unpause", at=random.uniform(20, 170))

    def worker_ends(self) -> None:
        random = self._random
        if random.random() < 0.7:
            self._add("kill", restart=random.choice((0.1, 1.0, 10.0)))
        else:
            self._add("terminate")

    def worker_sleeps(self) -> None:
        random = self._random
        self._add("suspend", seconds=random.choice((5.0, 31.0, 33.0, 36.0, 45.0, 70.0)))
        if random.random() < 0.8:
            self._add("second_worker", at=random.uniform(0, 60), seconds=150.0)

    def engine(self) -> None:
        random = self._random
        does = random.choice(("engine_hangs", "engine_refuses", "answer_lost", "engine_restarts", "live_dies"))
        if does in {"answer_lost", "live_dies"}:
            self._add(does)
        elif does == "engine_restarts":
            self._add(does, seconds=self._seconds(), workers=random.random() < 0.6)
        else:
            self._add(does, seconds=self._seconds())

    def route(self) -> None:
        random = self._random
        does = random.choice(
            ("route_refused", "route_refused", "traefik_deaf", "traefik_down", "route_slow", "route_overwritten")
        )
        if does == "route_overwritten":
            self._add(does, other=random.random() < 0.5)
        elif does == "route_slow":
            self._add(does, seconds=self._seconds(), each=random.choice((0.5, 5.0)))
        else:
            self._add(does, seconds=self._seconds())

    def disk(self) -> None:
        random = self._random
        does = random.choice(("disk_full", "disk_slow", "write_fails_late"))
        if does == "disk_slow":
            self._add(does, seconds=self._seconds(), each=random.choice((0.3, 2.0, 6.0)))
        elif does == "disk_full":
            self._add(does, seconds=self._seconds())
        else:
            self._add(does)

    def state_file(self) -> None:
        random = self._random
        if random.random() < 0.2:
            self._add("state_removed")
        else:
            self._add("state_damaged", file=random.random() < 0.9, previous=random.random() < 0.4)

    def redis(self) -> None:
        does = self._random.choice(("redis_away", "redis_hangs", "redis_lost"))
        self._add(does, **({} if does == "redis_lost" else {"seconds": self._seconds()}))

    def git(self) -> None:
        self._add(self._random.choice(("git_refuses", "git_hangs")), seconds=self._seconds())

    def github(self) -> None:
        self._add("github_away", seconds=self._seconds(), carried_out=self._random.random() < 0.5)

    def clock(self) -> None:
        self._add("clock_set", ahead=self._random.choice((86400.0, -86400.0, 90.0, -90.0)))

    def clients(self) -> None:
        self._add("clients_fail", share=self._random.choice((0.02, 0.3, 1.0)), seconds=self._seconds())


TROUBLE: tuple[Callable[[Draw], None], ...] = (
    *(Draw.operator, Draw.operator, Draw.operator),
    *(Draw.worker_ends, Draw.worker_ends, Draw.worker_sleeps),
    *(Draw.engine, Draw.engine, Draw.route, Draw.route, Draw.disk, Draw.state_file),
    *(Draw.redis, Draw.git, Draw.github, Draw.clock, Draw.clients),
)


def draw(seed: int) -> Schedule:
    """The schedule of that seed: the same in every run, on every machine."""
    return Draw(seed).schedule()
