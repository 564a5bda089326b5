"""Plays a schedule in virtual time, and judges what happens."""

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count, groupby

from tests.fakes.processes import PROCESS, Stuck, run_processes
from tests.simulation import events
from tests.simulation.host import Host, forgotten
from tests.simulation.invariants.followers import the_copies_of_one_release_run
from tests.simulation.invariants.the_end import one_bot_runs, the_route_names_every_copy
from tests.simulation.observation.trace import Trace
from tests.simulation.repeatable import ended_after, no_logs, nothing_random
from tests.simulation.schedule import Event, Schedule
from tests.simulation.undelayed import INVARIANT, difference, undisturbed

HORIZON = 180.0
"""Seconds in which events happen. Then every fault ends."""

CONVERGE_SECONDS = 600.0
"""Within this time after the last fault, nothing is left to do: the sum of the limits that may follow one another."""

LONGEST_SECONDS = 60.0
"""Real time that one play may take; most take less than 0.1 s."""

AGAIN_SECONDS = 65.0
"""Within this time after the last fault, the worker has read the ledger again: it does so each minute."""

SEEN_SECONDS = 60.0
"""Within this time after the last change of the journal, the drift watch has looked as often as it tries to help."""

LOOK_SECONDS = 5.0
CALM_LOOKS = 2
"""How many looks in a row nothing may be left to do."""


@dataclass(frozen=True)
class Violation:
    """`invariant` is the sentence that did not hold, `what` was seen `at` seconds after the beginning."""

    invariant: str
    what: str
    at: float

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what} ({self.at:.2f} s)"


@dataclass(frozen=True)
class Played:
    """How a play ended. `seconds` is its virtual time, `counts` what happened in it.

    `unplayed` is when its calm ended the wait for events whose moment had not come; infinite if it left none out.
    """

    schedule: Schedule
    violation: Violation | None
    trace: Trace
    seconds: float
    unplayed: float = math.inf
    counts: Counter[str] = field(default_factory=Counter)


def play(schedule: Schedule, *, horizon: float = HORIZON) -> Played:
    """Plays the schedule until an invariant does not hold, or to its end."""
    played = _play(schedule, horizon)
    calm = undisturbed(schedule)
    if calm is None or played.violation is not None:
        return played
    other = _play(calm, horizon)
    until = min(played.seconds, other.seconds, played.unplayed, other.unplayed)
    if other.violation is None and (what := difference(played.trace, other.trace, until)):
        return replace(played, violation=Violation(INVARIANT, what, until))
    return played


def _play(schedule: Schedule, horizon: float) -> Played:
    players: list[Player] = []

    async def to_the_end() -> Played:
        players.append(Player(schedule, horizon))
        await players[0].play()
        return players[0].result()

    with nothing_random(schedule.seed), no_logs(), ended_after(LONGEST_SECONDS):
        try:
            return run_processes(to_the_end())
        except Stuck as stuck:
            return players[0].stuck(str(stuck))


class Player:
    def __init__(self, schedule: Schedule, horizon: float) -> None:
        self._schedule, self._horizon = schedule, horizon
        self._loop = asyncio.get_running_loop()
        self._trace = Trace(self._loop.time)
        self._violation: Violation | None = None
        self._over = asyncio.Event()
        self._unplayed = math.inf
        self._cued: dict[str, list[Event]] = {}
        self._ends: dict[int, Callable[[], object]] = {}
        self._numbers = count()
        self._host = Host(
            schedule.setting,
            schedule.behaviours,
            outside=copy_context(),
            trace=self._trace,
            violated=self._violated,
            moment=self._at_moment,
        )

    async def play(self) -> None:
        await self._host.begin()
        for at, together in groupby(self._schedule.events, key=lambda event: event.at):
            self._loop.call_at(at, self._due, tuple(together))
        await self._all_happened()
        if self._cued:
            self._unplayed = self._loop.time()
            self._cued.clear()
        self._end_faults()
        if not await self._converged():
            self._violated("everything converges", self._left_to_do())
        elif self._violation is None:
            self._host.observer.judge_the_end()

    def result(self) -> Played:
        self._trace.close()
        return Played(
            self._schedule, self._violation, self._trace, self._loop.time(), self._unplayed, self._host.seen.counts
        )

    def stuck(self, why: str) -> Played:
        """The result of a play that could not be played to its end."""
        self._violation = self._violation or Violation("time passes", why, self._loop.time())
        return self.result()

    def _violated(self, invariant: str, what: str) -> None:
        if self._violation is None:
            self._violation = Violation(invariant, what, self._loop.time())
            self._trace.add("VIOLATED", f"{invariant}: {what}")
            self._over.set()

    # Events

    def _due(self, together: Sequence[Event]) -> None:
        """The events of one moment happen in their order, whatever else happens then."""
        for event in together:
            if event.cue:
                self._cued.setdefault(event.cue, []).append(event)
            else:
                self._happen(event)

    def _at_moment(self, moment: str) -> None:
        for event in self._cued.pop(moment, ()):
            process = self._host.running_process()
            if process is None:
                self._happen(event)
            else:
                process.after_turns(event.turns, partial(self._happen, event))

    def _happen(self, event: Event) -> None:
        if self._loop.time() >= self._horizon:
            return
        assert PROCESS.get() is None, "an event happens outside all processes"
        self._trace.add("EVENT", f"{event.does} {dict(event.options)}")
        seen = self._host.seen
        seen.troubled_at, seen.troubles = self._loop.time(), seen.troubles + 1
        seen.counts[f"event {event.does}"] += 1
        seen.happened[event.does] += 1
        end = events.do(self._host, event)
        if end is not None:
            number = next(self._numbers)
            seen.faults[event.does] += 1
            self._ends[number] = lambda: self._end(event.does, end)
            self._loop.call_later(float(event.options.get("seconds", 10.0)), self._end_fault, number)

    def _end(self, kind: str, end: Callable[[], object]) -> None:
        self._host.seen.faults[kind] -= 1
        self._host.seen.faults += Counter()
        self._trace.add("EVENT", f"{kind} ends")
        seen = self._host.seen
        seen.troubled_at, seen.troubles = self._loop.time(), seen.troubles + 1
        end()

    def _end_fault(self, number: int) -> None:
        if end := self._ends.pop(number, None):
            end()

    def _end_faults(self) -> None:
        for number in list(self._ends):
            self._end_fault(number)

    # The end

    async def _all_happened(self) -> None:
        """Waits for the last event and the end of the last fault, until the horizon at most."""
        last, calm = max((event.at for event in self._schedule.events), default=0.0), 0
        while self._loop.time() < self._horizon and calm < CALM_LOOKS and not self._over.is_set():
            await self._until(self._loop.time() + LOOK_SECONDS)
            quiet = self._loop.time() > last and not self._ends and not self._left_to_do()
            calm = calm + 1 if quiet else 0

    async def _until(self, at: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(at):
                await self._over.wait()

    async def _converged(self) -> bool:
        """Waits until nothing is left to do. Returns at once when something is violated."""
        deadline, calm = self._loop.time() + CONVERGE_SECONDS, 0
        while calm < CALM_LOOKS and not self._over.is_set():
            if self._loop.time() > deadline:
                return False
            await self._until(self._loop.time() + LOOK_SECONDS)
            calm = 0 if self._left_to_do() else calm + 1
        return True

    def _left_to_do(self) -> str:
        """What the worker still has to do; empty if nothing."""
        host, state = self._host, self._host.seen.state
        shown = host.world.publisher.shown
        if not (host.worker.alive and host.worker.works):
            return "no worker works"
        if state.rollout is not None:
            return f"{state.rollout.id} runs: {state.rollout.running_step}"
        if untaken := host.world.inbox.untaken:
            return f"{untaken[0].tag} was accepted, but the worker has not taken it"
        if shown is None or forgotten(shown) != forgotten(state):
            return "the status is not the journal"
        if host.decision().go is not None:
            return f"{host.decision().go} waits, but nothing holds it"
        looked = "" if shown == state else "the status is older than the last look"
        copies = the_route_names_every_copy(host.seen)
        beside = host.due_updater() or host.unsent() or host.unread_checks()
        return beside or copies or self._unseen() or self._unread() or looked

    def _unseen(self) -> str:
        """What is wrong with bot or followers, while the drift watch may still report it or replace them."""
        seen = self._host.seen
        wrong = one_bot_runs(seen) or the_copies_of_one_release_run(seen)
        return wrong if wrong and self._loop.time() < max(seen.changed_at, seen.troubled_at) + SEEN_SECONDS else ""

    def _unread(self) -> str:
        """Says that the ledger, the only record of what waits after both copies were lost, may still be unread."""
        seen = self._host.seen
        lost = seen.happened["state file lost with its copy"]
        again = lost and self._loop.time() < seen.troubled_at + AGAIN_SECONDS
        return "the ledger was not read again" if again else ""
