"""A schedule: everything that happens in one play. It is data, so it can be printed, shrunk and replayed."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

FIRST = "v1.0.0"
"""The release that is live when a play begins."""


RELEASE = "release"
"""The name of the release as a whole in a schedule's behaviours."""


@dataclass(frozen=True)
class Event:
    """What happens (`does`, a name in events.py), with its `options`.

    It happens `at` seconds after the beginning. With a `cue`, it waits from then on for that moment, and after it for
    the given number of `turns` of the worker: a turn is what the worker does between two awaits.
    """

    at: float
    does: str
    options: Mapping[str, Any] = field(default_factory=dict)
    cue: str = ""
    turns: int = 0

    def __str__(self) -> str:
        words = " ".join(f"{name}={value}" for name, value in self.options.items())
        cue = f", at the next `{self.cue}` and {self.turns} turns later" if self.cue else ""
        return f"{self.at:.1f} s{cue}: {self.does} {words}".rstrip()


@dataclass(frozen=True)
class Setting:
    """The host and the updater's settings.

    `begins`: `live` (FIRST is live), `empty` (nothing is), `adopted` (FIRST runs, but the updater never did), or
    `one down` (as `adopted`, but one service does not run).
    `recorded`: the history says that FIRST, if it is live, was good.
    `latency`: seconds that a request takes to the engine. `command`: each release runs a command before its flip.
    `window`: releases go live only in the first half of every other minute. `check_minutes`: how often the worker asks
    GitHub for missed releases; 0: never. `deployments`: the worker reports to GitHub. `updater`: the stack file names
    the updater's own services. `followers`: how many copies of a follower a release runs, if not another number; 0: the
    stack has none. `job`: each release runs a one-shot job before its flip. `checks`: which checks of their commits the
    releases wait for: `named` (one that the stack file names) or `all`; empty: for none.
    """

    begins: str = "live"
    recorded: bool = True
    latency: float = 0.01
    enabled: bool = True
    approval: bool = False
    window: bool = False
    command: bool = False
    pause_on_failure: bool = True
    supersede: bool = True
    check_minutes: float = 0.0
    deployments: bool = False
    updater: bool = False
    followers: int = 0
    job: bool = False
    checks: str = ""


@dataclass(frozen=True)
class NewUpdater:
    """A release with another updater: web, the worker or neither is `unwell`: it never becomes healthy.

    `ends`: an unwell worker ends at once, again and again; else it works, but its health check fails. `absent`: its
    image is missing.
    """

    unwell: str = ""
    ends: bool = False
    absent: bool = False


@dataclass(frozen=True)
class Schedule:
    """`behaviours` maps a release to its services (`api`, `bot`, …) and their fields of Behaviour that are not good.

    The service `updater` is the updater itself: see NewUpdater. `release` is the release as a whole: a `one_way` one
    cannot be rolled back.
    """

    seed: int
    setting: Setting = field(default_factory=Setting)
    behaviours: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    events: tuple[Event, ...] = ()

    def without(self, *left_out: int) -> "Schedule":
        """The schedule without the events with these numbers."""
        return replace(self, events=tuple(e for n, e in enumerate(self.events) if n not in left_out))

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Schedule":
        """Raises ValueError, TypeError, KeyError."""
        fields = json.loads(text)
        events = tuple(Event(**event) for event in fields["events"])
        return cls(fields["seed"], Setting(**fields["setting"]), fields["behaviours"], events)

    def __str__(self) -> str:
        default = Setting()
        changed = {name: value for name, value in asdict(self.setting).items() if value != getattr(default, name)}
        lines = [f"seed {self.seed}, {changed or 'default settings'}"]
        lines += [f"  {tag} {services}" for tag, services in self.behaviours.items()]
        return "\n".join([*lines, *(f"  {event}" for event in self.events)])
