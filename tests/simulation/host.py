"""The simulated host: a world with its queue, its callers and its workers, observed at every effect."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.config.release_policy import ReleasePolicy
from app.domain.acceptance.decision import Decision
from app.domain.release import LiveRelease
from app.domain.stack import BeforeFlip, Checks, Color, Policy, Stack, Supersede, Times, Window
from app.domain.state import State
from tests.examples import NOW, a_history_entry, a_stack, sha_of
from tests.fakes.engine import Container, FaultySocket
from tests.fakes.github_api import FakeGitHubApi, FakeOutbox
from tests.fakes.processes import PROCESS, Process
from tests.fakes.queue import FakeQueue
from tests.fakes.worker import FakeWorker
from tests.fakes.world import World
from tests.simulation import invariants
from tests.simulation.callers import Callers
from tests.simulation.invariants import Check
from tests.simulation.observed import Call, Observed, Write
from tests.simulation.schedule import FIRST, Setting
from tests.simulation.trace import Trace
from workers.control.reconcile import Reconciler
from workers.main import Beside
from workers.ports import Ports, Stamp
from workers.watchdogs.backoff import Backoff
from workers.watchdogs.deployments import Deployments
from workers.watchdogs.disk_watch import DiskWatch
from workers.watchdogs.missed_releases import MissedReleases
from workers.watchdogs.unreadable_releases import UnreadableReleases

TAGS = ("v0.9.0", FIRST, *(f"v1.{n}.0" for n in range(1, 10)))
TIMES = Times(fetch=20, build=30, start=10, health=6, route=3, ready=6, bake=4, drain=3, stop_grace=3)
MIGRATE = BeforeFlip("api", ("migrate",), limit=10)
EVERY_OTHER_MINUTE = Window("*/2 * * * *", 60)


class Host:
    """`violated` is called with each finding. `moment` is called with the name of each moment that may be a cue."""

    def __init__(
        self,
        setting: Setting,
        behaviours: Mapping[str, Mapping[str, Mapping[str, Any]]],
        *,
        outside: Context,
        trace: Trace,
        violated: Callable[[str, str], object],
        moment: Callable[[str], object],
    ) -> None:
        self.setting, self.trace = setting, trace
        self._violated, self._moment = violated, moment
        self.world = world = World(stack_of(setting))
        world.source.tags = {tag: sha_of(tag) for tag in TAGS}
        self.socket = FaultySocket(outside, lambda: setting.latency)
        world.engine.socket = self.socket
        self.seen = Observed(world)
        self.queue = FakeQueue(lambda: world.inbox.answers)
        self.github = FakeGitHubApi(world.clock, world.fuse)
        self.outbox = FakeOutbox(world.fuse)
        self.callers = Callers(self.seen, self.queue, self.github, trace, asked=self._asked, answered=self._answered)
        windows = world.stack.policy.windows
        self._policy = ReleasePolicy(enabled=setting.enabled, approval=setting.approval, windows=windows)
        self.workers = {name: self._worker(name) for name in ("w1", "w2")}
        for tag, services in behaviours.items():
            for service, change in services.items():
                world.engine.behave(service, tag, **change)
        self._observe()

    @property
    def worker(self) -> FakeWorker:
        """The worker that holds the lease, else the first one."""
        lock = self.world.disk.lock
        holder = lock.holder if lock and not lock.free else None
        return next((w for w in self.workers.values() if holder and w.process is holder), self.workers["w1"])

    def running_process(self) -> Process | None:
        """The process that runs now, else the worker's."""
        return PROCESS.get() or self.worker.process

    async def begin(self) -> None:
        """Prepares the machine, and starts the first worker."""
        world = self.world
        if self.setting.begins == "live":
            await live(world)
            if self.setting.recorded:
                world.publisher.entries.append(a_history_entry(f"r-{FIRST}"))
        elif self.setting.begins in {"adopted", "one down"}:
            adoptable(world)
            down = world.stack.routed[0].colors.values() if self.setting.begins == "one down" else ()
            world.engine.by_hand(stop=[*down])
        self.seen.last = world.disk.file if isinstance(world.disk.file, State) else State()
        self.workers["w1"].start()
        await asyncio.sleep(0)

    def _worker(self, name: str) -> FakeWorker:
        return FakeWorker(
            name,
            self.world,
            self.queue,
            policy=self._policy,
            pause_on_failure=self.setting.pause_on_failure,
            beside=self._beside,
            unexpected=self._unexpected,
            started=lambda: self._moment("start"),
        )

    def _beside(self, ports: Ports, reconciler: Reconciler) -> Sequence[Beside]:
        """As in workers/main.py."""
        parts: list[Beside] = [UnreadableReleases(ports), DiskWatch(ports, reconciler)]
        if every := 60 * self.setting.check_minutes:
            parts.append(
                MissedReleases(
                    self.world.stack, ports, self.github, reconciler, every=every, backoff=Backoff(lambda: 0.5)
                )
            )
        if self.setting.deployments:
            parts.append(Deployments(ports, self.github, self.outbox, backoff=Backoff(lambda: 0.5)))
        return parts

    # What is observed

    def _observe(self) -> None:
        world = self.world
        world.disk.written = self._written
        world.engine.ending = self._ending
        world.engine.watcher = self._effect
        world.engine.doubled = lambda what: self._violated("a singleton never runs twice", what)
        world.route.flipping = self._flipping
        world.publisher.heard = self._heard

    def _written(self, old: object, new: State) -> None:
        afresh = not isinstance(old, State) or old is not self.seen.last
        write = Write(self.seen.last, new, afresh, failed=self.seen.last_failed)
        self.seen.noted(write)
        self.trace.write(write)
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
        self.trace.add("engine", effect)
        self.seen.counts["effects"] += 1
        self._moment(f"effect {effect.partition(' ')[0]}")

    def _flipping(self, color: Color | None, rollout: str) -> None:
        self.trace.add("route", f"{color} {rollout}")
        self._ask(invariants.on_flip, color, rollout)
        self._moment("flip")

    def _heard(self, kind: str, data: Mapping[str, Any]) -> None:
        if kind == "step.failed" and data["step"].startswith("rollback_") and self.seen.faults:
            self.seen.happened["singleton unrestorable"] += 1
        self.trace.add("event", kind, data)
        if kind == "step.started":
            self._moment(f"step {data['step']}")
        if kind == "step.failed":
            self._moment("failed")

    def _asked(self, call: Call) -> None:
        self._moment(f"ask {call.name}")

    def _answered(self, call: Call) -> None:
        self._ask(invariants.on_answer, call)
        if call.accepted:
            self._moment(f"answer {call.name}")

    def _unexpected(self, error: BaseException) -> None:
        self._violated("every error has a name", f"{type(error).__name__}: {error}")

    def _ask(self, checks: Sequence[Check], *about: object) -> None:
        for check in checks:
            if wrong := check(self.seen, *about):
                self._violated(invariants.name_of(check), wrong)

    def judge_the_end(self) -> None:
        self._ask(invariants.at_end)

    def decision(self) -> Decision:
        """What the worker would decide now."""
        return self._policy.decide(self.seen.state, self.world.clock.now())


def stack_of(setting: Setting) -> Stack:
    return a_stack(
        times=TIMES,
        checks=Checks(passes=2),
        supersede=Supersede.BEFORE_FLIP if setting.supersede else Supersede.NEVER,
        before_flip=(MIGRATE,) if setting.command else (),
        policy=Policy(windows=(EVERY_OTHER_MINUTE,) if setting.window else ()),
    )


async def live(world: World) -> None:
    """FIRST is live on blue, as after an earlier rollout."""
    await world.engine.define(Path("/trees"), Stamp(FIRST, sha_of(FIRST), f"r-{FIRST}"))
    for service in world.stack.services(Color.BLUE):
        world.engine.place(service, FIRST)
    world.engine.published = (sha_of(FIRST), Color.BLUE)
    world.route.place(Color.BLUE, f"r-{FIRST}")
    current = LiveRelease(FIRST, sha_of(FIRST), f"r-{FIRST}", NOW)
    world.disk.file = State(
        active_color=Color.BLUE, route_id=f"r-{FIRST}", current=current, last_good_tag=FIRST, epoch=1
    )


def adoptable(world: World) -> None:
    """FIRST runs in both colors with plain Compose; another program's file routes to blue."""
    for service in {s: None for color in Color for s in world.stack.services(color)}:
        world.engine.place(service, FIRST)
    world.engine.unlabel()
    world.route.place_foreign(Color.BLUE)
    world.source.clone = {
        (world.stack.directory, "HEAD"): sha_of(FIRST),
        (world.stack.directory, f"refs/tags/{FIRST}"): sha_of(FIRST),
    }


def forgotten(state: State) -> State:
    """The state without the moments that change with every look."""
    return replace(state, looked_at=None)
