"""What was seen during a play: the facts that the invariants judge."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.release import Release
from app.domain.release_stack import as_of
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Color, Stack
from app.domain.state import State
from app.domain.withdrawal import Withdrawal
from tests.fakes.disk import FakeDisk
from tests.fakes.processes import owner
from tests.fakes.updater.own_processes import OwnProcesses
from tests.fakes.world import World
from tests.simulation.observation.notices import Notices

DISTURBING = ("state_damaged", "state_removed", "route_overwritten", "live_dies", "copy_stops", "engine_restarts")


@dataclass(eq=False)
class Call:
    """A call of an operator. `code`: why it was refused; empty if it was accepted, None until it is answered.

    `began_in` is the rollout that ran when it was asked. `withdrawal`: what the call took back; `commit`: what it
    approved.
    """

    name: str
    options: Mapping[str, Any]
    asked_at: float
    began_in: Rollout | None = None
    answered_at: float | None = None
    code: str | None = None
    rollout: str = ""
    on_trial: bool = False
    withdrawal: Withdrawal | None = None
    commit: str | None = None

    @property
    def accepted(self) -> bool:
        return self.code == ""

    def __str__(self) -> str:
        answer = {None: "no answer", "": "accepted"}.get(self.code, self.code)
        return f"{self.name} {self.rollout} at {self.asked_at:.2f} s: {answer}"


@dataclass(frozen=True)
class Write:
    """A write of the state file: `before` is the last state that a worker wrote.

    `afresh`: the file could not be read before this write, so the state may be an older one or a new one.
    `failed`: the write before was reported as a failure, so it does not count. `own`: the same process wrote `before`.
    """

    before: State
    after: State
    afresh: bool
    failed: bool = False
    own: bool = False

    @property
    def begun(self) -> Rollout | None:
        """The rollout that begins with it: also one of a lost file, but none that goes on."""
        return None if self.before.rollout is not None or self.goes_on else self.after.rollout

    @property
    def goes_on(self) -> bool:
        """Whether a rollout goes on because the write of its end was reported as a failure: its steps show it."""
        return self.failed and self.before.rollout is None and bool(self.after.rollout and self.after.rollout.steps)


@dataclass
class Observed:
    """`accepted` are the releases that were answered with 202, by rollout id. `begun` are the rollouts that began, and
    `ends` has their final ends.

    `faults` are those that go on, `happened` counts all that happened. `paused_at` is when the last pause began,
    `unpauses` how many were asked for. `last` is the last state that a worker wrote, and `writer` the
    process that did. `ever_live` are the rollouts whose releases were live. `last_failed`: the write of `last` is
    reported as a failure; `failed_at`: when one last was.
    `counted`: the last state before that one whose write was not.

    `own`: the updater's own services, if the stack has them. `successions` are the rollouts whose succession began.
    `epochs` has the epoch that each process took, by its name, and `latest_epoch` the last one that was taken.
    `overwritten_at`: when another program last wrote the route file. `troubled_at`: when an event last happened or
    ended; `troubles` counts both, and the writes that failed. `changed_at`: when the journal last changed, but for the
    moments of looks. `stopped_by_hand`: the containers of singletons that an operator stopped; `hand_stops`: when, by
    service. `pauses`: whether a failure pauses rollouts. `stayed`: the rollouts that failed, but whose releases stay
    live, because they cannot be rolled back.
    `singletons`: all Compose services that each singleton had. `green`: the commits whose checks were green once.
    `route_id`: that of the last route file that a worker wrote. `undone`: the rollouts that it showed as undone when
    the state file was lost with its copy. `unheard`: what was withdrawn on GitHub while the webhook was lost.
    `suspensions`: when the worker was suspended, and when it went on.
    """

    world: World
    calls: list[Call] = field(default_factory=list)
    accepted: dict[str, Release] = field(default_factory=dict)
    ends: dict[str, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    paused_at: float = 0.0
    unpauses: int = 0
    begun: set[str] = field(default_factory=set)
    shas_live: list[str] = field(default_factory=list)
    last: State = field(default_factory=State)
    counted: State = field(default_factory=State)
    writer: str | None = None
    ever_live: set[str] = field(default_factory=set)
    last_failed: bool = False
    failed_at: float = -math.inf
    own: OwnProcesses | None = None
    successions: set[str] = field(default_factory=set)
    epochs: dict[str, int] = field(default_factory=dict)
    latest_epoch: int = 0
    overwritten_at: float = -math.inf
    troubled_at: float = 0.0
    changed_at: float = 0.0
    troubles: int = 0
    stopped_by_hand: set[str] = field(default_factory=set)
    hand_stops: dict[str, float] = field(default_factory=dict)
    pauses: bool = True
    stayed: set[str] = field(default_factory=set)
    singletons: dict[str, set[str]] = field(default_factory=dict)
    green: set[str] = field(default_factory=set)
    route_id: str = ""
    undone: set[str | None] = field(default_factory=set)
    unheard: list[Withdrawal] = field(default_factory=list)
    suspensions: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.notices = Notices(self.world)
        self.restacked()

    def restacked(self) -> None:
        """The stack file has changed: notes the services of its singletons, which may be renamed."""
        for singleton in self.world.stack.singletons:
            self.singletons.setdefault(singleton.name, set()).add(singleton.service)

    def stack_of(self, sha: str) -> Stack:
        """The stack as the release of that commit has it."""
        return as_of(self.world.stack, self.world.engine.roles.get(sha, {}))

    @property
    def live_stack(self) -> Stack:
        """The stack as the live release has it."""
        return self.stack_of(self.state.current.sha) if self.state.current is not None else self.world.stack

    @property
    def now(self) -> float:
        return self.world.clock.monotonic()

    @property
    def disk(self) -> FakeDisk:
        return self.world.disk

    @property
    def state(self) -> State:
        """The state in the file; the last one that was written if the file cannot be read."""
        return self.disk.file if isinstance(self.disk.file, State) else self.last

    @property
    def served(self) -> Color | None:
        return self.world.route.served()[0]

    @property
    def succeeds(self) -> bool:
        """Whether a succession has begun, and not ended."""
        attempt = self.own.machine.attempt if self.own is not None else None
        return attempt is not None and not attempt.ended

    @property
    def acting(self) -> str | None:
        """The name of the process that runs now."""
        process = owner()
        return process.name if process is not None else None

    @property
    def is_disturbed(self) -> bool:
        """Whether something beside the updater may need a repair: a lost state file, a route changed by hand."""
        return bool(self.faults or any(self.happened[what] for what in DISTURBING))

    def noted(self, write: Write) -> None:
        """Remembers what the write changed."""
        before, after = write.before, write.after
        self.counted = self.counted if write.failed else before
        self._notes_epoch(write)
        if after.paused and not before.paused:
            self.paused_at = self.now
        never_began = write.failed and before.rollout is not None and not before.rollout.steps
        if before.rollout is not None and after.rollout is None and not write.afresh and not never_began:
            self._ended(before, after)
        if write.afresh and (
            after.previous is None or after.current is None or after.previous.sha == after.current.sha
        ):
            self.shas_live = []  # nothing on the machine says what was live before
        if write.afresh:
            self._begins_afresh(after)
        live = after.current if after.current and after.current.rollout_id not in self.stayed else None  # no way back
        if live is not None and (not self.shas_live or self.shas_live[-1] != live.sha):
            self.shas_live.append(live.sha)
        if write.goes_on and after.rollout is not None:
            self.ends.get(after.rollout.id, [])[-1:] = []
        if write.begun is not None:
            self.counts["rollouts"] += 1
            self.begun.add(write.begun.id)
        if after.rollout is not None and after.rollout.stays:
            self.stayed.add(after.rollout.id)
        if after.current is not None and not write.afresh:
            self.ever_live.add(after.current.rollout_id)
        if _differ(before, after):
            self.changed_at = self.now
        self.last, self.writer, self.last_failed = after, self.acting, self.disk.fails_late
        if self.last_failed:
            self.failed_at, self.troubles = self.now, self.troubles + 1

    def _notes_epoch(self, write: Write) -> None:
        """A worker has its epoch from its first write on. A lost state file begins a new count."""
        me = self.acting
        if me is None:
            return
        if write.after.epoch > write.before.epoch or (write.afresh and me not in self.epochs):
            self.epochs[me] = self.latest_epoch = write.after.epoch

    def _begins_afresh(self, after: State) -> None:
        """Forgets what only the lost file said: an end that happens again, and releases that Redis does not know."""
        if after.rollout is not None:
            self.ends.pop(after.rollout.id, None)
        keys = self.world.inbox.keys | {release.key for release in after.accepted}
        self.accepted = {rollout: release for rollout, release in self.accepted.items() if release.key in keys}

    def _ended(self, before: State, after: State) -> None:
        rollout = before.rollout
        assert rollout is not None
        status = next((r.status for r, _ in reversed(self.world.publisher.kept) if r.id == rollout.id), None)
        self.counts[f"ended {status or 'without a record'}"] += 1
        if after.begins_again(rollout):
            self.counts["begun again"] += 1
            return
        self.ends.setdefault(rollout.id, []).append(str(status or RolloutStatus.FAILED))


LOOKS = {"looked_at", "last_checked_at"}
"""The moments that change although nothing else does."""


def _differ(before: State, after: State) -> bool:
    """Whether more than the moments of looks differs."""
    old, new = vars(before), vars(after)
    return any(new[name] is not value and new[name] != value for name, value in old.items() if name not in LOOKS)
