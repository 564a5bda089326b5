"""The simulated host: a world with its queue, its callers and its workers, observed at every effect."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import replace
from typing import Any

from app.config.release_policy import ReleasePolicy
from app.domain.acceptance.decision import Decision
from app.domain.notices.notice import Kind
from app.domain.required_checks import EXPECTED_SECONDS, CommitChecks, Standing, judged
from app.domain.state import State
from tests.examples import a_history_entry, sha_of
from tests.fakes.disk import FakeJournal
from tests.fakes.engine import FaultySocket
from tests.fakes.github_api import FakeGitHubApi, FakeOutbox
from tests.fakes.notices.targets import FakeNoticeFile
from tests.fakes.processes import PROCESS, Process
from tests.fakes.queue import FakeQueue
from tests.fakes.updater.container_process import ContainerProcess
from tests.fakes.updater.own_processes import FakeOwnProcesses
from tests.fakes.updater.worker import FakeWorker
from tests.fakes.world import World
from tests.simulation.beginnings import QUEUE, TAGS, adoptable, live, stack_of
from tests.simulation.callers import Callers
from tests.simulation.observation.notices import PATIENCE, URLS
from tests.simulation.observation.observed import Observed
from tests.simulation.observation.observer import Observer
from tests.simulation.observation.trace import Trace
from tests.simulation.own import UPDATER, due_updater, own_of
from tests.simulation.schedule import FIRST, RELEASE, NewUpdater, Setting
from workers.adapters.notifier import AppriseNotifier
from workers.control.reconcile import Reconciler
from workers.main import Beside
from workers.ports import Ports
from workers.self_update.own_services import goes_on
from workers.self_update.succession import Succession
from workers.watchdogs.backoff import Backoff
from workers.watchdogs.deployments import Deployments
from workers.watchdogs.disk_watch import DiskWatch
from workers.watchdogs.missed_releases import MissedReleases
from workers.watchdogs.required_checks import RequiredChecksWatch
from workers.watchdogs.unreadable_releases import UnreadableReleases
from workers.watchdogs.withdrawn_releases import WithdrawnReleases


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
        self._moment = moment
        self.world = world = World(stack_of(setting))
        world.source.tags = {tag: sha_of(tag) for tag in TAGS}
        self.socket = FaultySocket(outside, lambda: setting.latency)
        world.engine.socket = self.socket
        self.seen = Observed(world, pauses=setting.pause_on_failure)
        updaters = {tag: NewUpdater(**services[UPDATER]) for tag, services in behaviours.items() if UPDATER in services}
        self.own = self.seen.own = own_of(world, self.socket, TAGS, updaters) if setting.updater else None
        for tag in TAGS:
            world.engine.behave(QUEUE.service, tag, copies=setting.followers)
        for tag, services in behaviours.items():
            if services.get(RELEASE, {}).get("one_way"):
                world.engine.one_ways.add(tag)
            for service, change in services.items():
                if service not in {UPDATER, RELEASE}:
                    world.engine.behave(service, tag, **change)
        self.observer = observer = Observer(self.seen, trace, self.decision, violated=violated, moment=moment)
        self.queue = FakeQueue(lambda: world.inbox.answers)
        self.github = world.github = FakeGitHubApi(world.clock, world.fuse)
        self.outbox = FakeOutbox(world.fuse)
        self.callers = Callers(
            self.seen, self.queue, self.github, trace, asked=observer.asked, answered=observer.answered
        )
        windows = world.stack.policy.windows
        self._policy = ReleasePolicy(
            enabled=setting.enabled,
            approval=setting.approval,
            checks=world.stack.policy.require_checks is not None,
            windows=windows,
        )
        self.workers = {name: self._worker(name) for name in ("w1", "w2")}
        observer.observe(self.workers["w1"])

    @property
    def worker(self) -> FakeWorker:
        """The worker that holds the lease, else the first one."""
        lock = self.world.disk.lock
        holder = lock.holder if lock and not lock.free else None
        return next((w for w in self.workers.values() if holder and w.process is holder), self.workers["w1"])

    def containers(self) -> Sequence[ContainerProcess]:
        """The updater's own containers with a process."""
        return [*self.workers.values(), *([self.own.successor] if self.own is not None else [])]

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
            broken=lambda: self.own is not None and name == "w1" and self.own.worker_is_broken,
            succeeds=lambda: self.own is not None and goes_on(FakeOwnProcesses(self.own)),
            notifies=self._notifier,
            unexpected=self.observer.unexpected,
            started=lambda: self._moment("start"),
        )

    def _notifier(self, journal: FakeJournal) -> AppriseNotifier:
        notices = self.seen.notices
        targets = {target.url: target for target in notices.targets}
        return AppriseNotifier(
            URLS,
            frozenset(Kind),
            FakeNoticeFile(notices.disk, journal.fence),
            self.world.clock,
            patience=PATIENCE,
            begin=lambda url, notice: targets[url].begin(notice),
        )

    def _beside(self, ports: Ports, reconciler: Reconciler) -> Sequence[Beside]:
        """As in workers/main.py."""
        parts: list[Beside] = []
        if self.own is not None:
            updater = self.own.machine.updater
            parts.append(Succession(self.world.stack, updater, ports, reconciler, FakeOwnProcesses(self.own)))
        parts += [UnreadableReleases(ports, self.world.stack.tags), DiskWatch(ports, reconciler)]
        parts.append(WithdrawnReleases(ports, reconciler))
        if required := self.world.stack.policy.require_checks:
            backoff = Backoff(lambda: 0.5)
            parts.append(RequiredChecksWatch(required, ports, self.github, reconciler, backoff=backoff))
        if every := 60 * self.setting.check_minutes:
            parts.append(
                MissedReleases(
                    self.world.stack, ports, self.github, reconciler, every=every, backoff=Backoff(lambda: 0.5)
                )
            )
        if self.setting.deployments:
            parts.append(Deployments(ports, self.github, self.outbox, backoff=Backoff(lambda: 0.5)))
        return parts

    def due_updater(self) -> str:
        """What is left to do for the updater's own services; empty if nothing."""
        return due_updater(self.own, self.seen.state) if self.own is not None else ""

    def commit_of(self, tag: str) -> str:
        """What the tag points to on GitHub."""
        return self.github.commits.get(tag, sha_of(tag))

    def unread_checks(self) -> str:
        """The waiting release whose green or red checks the worker has not read yet, in words; empty if none."""
        required = self.world.stack.policy.require_checks
        if required is None:
            return ""
        for release in self.seen.state.accepted:
            sha = self.commit_of(release.tag)
            late = {"waited": EXPECTED_SECONDS, "settled": EXPECTED_SECONDS}
            now = judged(required, self.github.checks.get(sha, CommitChecks()), sha=sha, **late).standing
            if now in {Standing.GREEN, Standing.RED} and not (release.asked_for or release.has_green_checks):
                return f"the checks of {release.tag} are {now}, and the worker has not read that"
        return ""

    def unsent(self) -> str:
        """The messages that still wait; empty if none does."""
        waiting = self.seen.notices.waiting
        return f"{waiting} messages wait" if waiting else ""

    def decision(self) -> Decision:
        """What the worker would decide now."""
        return self._policy.decide(self.seen.state, self.world.clock.now())


def forgotten(state: State) -> State:
    """The state without the moments that change with every look."""
    return replace(state, looked_at=None)
