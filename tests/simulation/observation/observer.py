"""Notes what happens in a play, and asks the invariants about it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.domain.acceptance.decision import Decision
from app.domain.errors import EngineFailed, InternalError
from app.domain.stack import Color
from app.domain.state import State
from tests.fakes.engine import Container
from tests.fakes.notices.targets import Try
from tests.fakes.updater.worker import FakeWorker
from tests.simulation import invariants
from tests.simulation.invariants import Check, promptness
from tests.simulation.observation.notices import Message
from tests.simulation.observation.observed import Call, Observed, Write
from tests.simulation.observation.trace import Trace
from workers.self_update.model import Attempt

NAMED = "every error has a name"


class Observer:
    """`violated` is called with each finding. `moment` is called with the name of each moment that may be a cue.

    `decision` returns what the worker would decide now.
    """

    def __init__(
        self,
        seen: Observed,
        trace: Trace,
        decision: Callable[[], Decision],
        *,
        violated: Callable[[str, str], object],
        moment: Callable[[str], object],
    ) -> None:
        self.seen = seen
        self._trace, self._decision = trace, decision
        self._violated, self._moment = violated, moment
        self._own = seen.own

    def observe(self, worker: FakeWorker) -> None:
        """Begins. `worker` is the one that a succession replaces."""
        world = self.seen.world
        world.disk.written = self._written
        world.engine.ending = self._ending
        world.engine.watcher = self._effect
        world.engine.doubled = lambda what: self._violated("a singleton never runs twice", what)
        world.route.flipping = self._flipping
        world.publisher.heard = self._heard
        world.engine.fence = world.route.fence = self._acting(world.engine.fence)
        if self._own is not None:
            self._own.worker = worker
            self._own.recorded, self._own.moment, self._own.acts = self._recorded, self._moment, self._acts
            self._own.unexpected = self.unexpected
        self.seen.notices.received, self.seen.notices.dropped = self._received, self._dropped

    def _received(self, trying: Try) -> None:
        self._trace.add("message", f"{trying.target} {trying.notice.id}")
        self.seen.counts["messages"] += 1
        self._ask(invariants.on_message, trying)

    def _dropped(self, message: Message) -> None:
        self._trace.add("message", f"{message[1]} is given up")
        self.seen.counts["messages given up"] += 1
        self._ask(invariants.on_drop, message)

    def _acting(self, fence: Callable[[], object]) -> Callable[[], None]:
        def pass_it() -> None:
            fence()
            self._acts("a change of the stack")

        return pass_it

    def _acts(self, what: str) -> None:
        self._ask(invariants.on_act, what)

    def _recorded(self, before: Attempt | None, after: Attempt) -> None:
        self._trace.add("updater", f"{after.tag} {after.rollout}", {"ended": after.ended, "why": after.why})
        self._ask(invariants.on_record, before, after, self._decision().go)
        if before is None or before.rollout != after.rollout:
            self.seen.successions.add(after.rollout)
            self.seen.counts["successions"] += 1
            self._moment("succession")
        if after.ended:
            self.seen.counts[f"succession {'failed' if after.why else 'done'}"] += 1
            self._moment("succession ends")
        elif after.why:
            self._moment("succession back")

    def _written(self, old: object, new: State) -> None:
        afresh = not isinstance(old, State) or old is not self.seen.last
        own = self.seen.writer is not None and self.seen.writer == self.seen.acting
        write = Write(self.seen.last, new, afresh, failed=self.seen.last_failed, own=own)
        self.seen.noted(write)
        self._trace.write(write)
        self._ask(invariants.on_write, write)
        before, after = write.before.rollout, new.rollout
        if after is not None and before is None:
            self._moment("begin")
        if before is not None and after is None:
            self._moment("end")
        if after is not None and before is not None and after.status is not before.status:
            self._moment("undo")
        if new.epoch > write.before.epoch:
            self._moment("take over")
        self._moment("write")

    def _ending(self, container: Container) -> None:
        self._ask(invariants.on_ending, container)

    def _effect(self, effect: str) -> None:
        self._trace.add("engine", effect)
        self.seen.counts["effects"] += 1
        self._ask(invariants.on_effect, effect)
        self._moment(f"effect {effect.partition(' ')[0]}")

    def _flipping(self, color: Color | None, rollout: str) -> None:
        self._trace.add("route", f"{color} {rollout}")
        self._ask(invariants.on_flip, color, rollout)
        self.seen.route_id = rollout
        self._moment("flip")

    def _heard(self, kind: str, data: Mapping[str, Any]) -> None:
        undoes = kind == "step.failed" and data["step"].startswith("rollback_")
        if (
            undoes and data["code"] != EngineFailed.code and self.seen.faults
        ):  # the worker tries until the engine is back
            self.seen.happened["singleton unrestorable"] += 1
        self._trace.add("event", kind, data)
        if kind == "step.started":
            self.seen.counts["commands begun"] += data["step"].startswith("before_flip_")
            self._moment(f"step {data['step']}")
        if kind == "step.failed":
            if data["code"] == InternalError.code and "OSError" not in data["error"]:  # the disk may be full
                self._violated(NAMED, data["error"])
            self._moment("failed")

    def asked(self, call: Call) -> None:
        self._moment(f"ask {call.name}")

    def answered(self, call: Call) -> None:
        self._ask(invariants.on_answer, call)
        if call.accepted:
            self._moment(f"answer {call.name}")
            self._judges_in_time(call)

    def _judges_in_time(self, call: Call) -> None:
        if (seconds := promptness.due_in(self.seen, call)) is not None:
            asyncio.get_running_loop().call_later(seconds, self._ask, invariants.on_time, call, self.seen.troubles)

    def unexpected(self, error: BaseException) -> None:
        self._violated(NAMED, f"{type(error).__name__}: {error}")

    def judge_the_end(self) -> None:
        self._ask(invariants.at_end)

    def _ask(self, checks: Sequence[Check], *about: object) -> None:
        for check in checks:
            if wrong := check(self.seen, *about):
                self._violated(invariants.name_of(check), wrong)
