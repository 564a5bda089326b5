"""Everything outside the worker, in memory: this state survives the end of a worker."""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.config.release_policy import ReleasePolicy
from app.domain.stack import Color, RoutedService, Stack
from app.domain.state import State
from tests.examples import a_live, a_stack, sha_of
from tests.fakes.clock import FakeClock
from tests.fakes.disk import FakeDisk, FakeJournal
from tests.fakes.engine import FakeEngine
from tests.fakes.fuse import Fuse
from tests.fakes.inbox import FakeInbox
from tests.fakes.notices.notifier import FakeNotifier
from tests.fakes.processes import PROCESS, Process
from tests.fakes.publisher import FakePublisher
from tests.fakes.route import FakeProbe, FakeRoute
from tests.fakes.source import FakeSource
from tests.fakes.storage import FakeStorage
from tests.fakes.traffic import Clients
from workers.control.announce import Announced
from workers.control.reconcile import Reconciler
from workers.control.served_guard import protecting
from workers.control.stale_guard import guarded
from workers.ports import Engine, Notifier, Ports, Room, Route, Tracing
from workers.ports.github import GitHubApi

GB = 1024**3


@dataclass
class World:
    """A host with its stack. `outages` lists the effects after which the route led to an unhealthy service."""

    stack: Stack = field(default_factory=a_stack)
    clock: FakeClock = field(default_factory=FakeClock)
    fuse: Fuse = field(default_factory=Fuse)
    room: Room = field(default_factory=lambda: Room(disk=100 * GB, memory=100 * GB))
    outages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        singletons = [each.service for each in self.stack.singletons]
        followers = [each.service for each in self.stack.followers]
        self.engine = FakeEngine(self.clock, self.fuse, singletons, followers, self.stack.jobs)
        self.engine.watcher = self._look
        self.engine.stack = self.stack
        self._fences: dict[Process | None, Callable[[], None]] = {}
        self.route = FakeRoute(self.stack, self.clock, self.fuse, self.engine.note)
        self.engine.fence = self.route.fence = self._fence
        self.probe = FakeProbe(self.stack, self.clock, self.route, self.engine)
        self.clients = Clients(self.stack, self.clock, lambda: self.route.served()[0])
        self.source = FakeSource("v0.9.0", "v1.0.0", "v1.1.0", "v1.2.0")
        self.disk = FakeDisk()
        self.journal = FakeJournal(self.clock, self.fuse, self.disk)
        self.inbox = FakeInbox(self.fuse)
        self.publisher = FakePublisher(self.clock, lambda: self.inbox.answers)
        self.notifier = FakeNotifier(self.clock)
        self.storage = FakeStorage()
        self.github: GitHubApi | None = None
        self.tracing: Tracing | None = None

    @property
    def ports(self) -> Ports:
        return self.ports_of(self.journal)

    def ports_of(self, journal: FakeJournal, notifier: Notifier | None = None) -> Ports:
        """What a worker with that view of the state file has: its process changes nothing after another took over."""
        notifier = notifier or self.notifier
        self._fences[PROCESS.get()] = journal.fence
        return Ports(
            engine=guarded(Engine, protecting(self.engine, self.route, self.stack), journal),
            source=self.source,
            route=guarded(Route, self.route, journal),
            probe=self.probe,
            traffic=self.clients if self.stack.traefik.metrics else None,
            journal=journal,
            inbox=self.inbox,
            publisher=Announced(self.publisher, notifier, self.stack.project),
            clock=self.clock,
            room=lambda: self.room,
            storage=self.storage,
            notifier=notifier,
            tracing=self.tracing,
        )

    def _fence(self) -> None:
        """What the adapters do right before each change."""
        if fence := self._fences.get(PROCESS.get()):
            fence()

    @property
    def state(self) -> State:
        return self.journal.state

    @property
    def effects(self) -> list[str]:
        return self.engine.effects

    def worker(self, *, pause_on_failure: bool = True, **policy: bool) -> Reconciler:
        """Starts a new worker process."""
        made = ReleasePolicy(
            windows=self.stack.policy.windows,
            tags=self.stack.tags,
            checks=self.stack.policy.require_checks is not None,
            **policy,
        )
        return Reconciler(self.stack, self.ports, policy=made, pause_on_failure=pause_on_failure, github=self.github)

    async def live(self, tag: str, color: Color = Color.BLUE) -> None:
        """Makes `tag` live on `color`, as after an earlier rollout."""
        for service in self.stack.services(color):
            self.engine.place(service, tag)
        self.engine.remember(sha_of(tag))
        self.route.place(color, f"r-{tag}")
        await self.journal.update(lambda _: State(active_color=color, current=a_live(tag), last_good_tag=tag, epoch=1))

    def restack(self, stack: Stack) -> None:
        """The operator changes the stack file. A worker that starts from now on reads it so."""
        self.stack = self.engine.stack = stack
        self.engine.services_are([s.service for s in stack.singletons], [f.service for f in stack.followers])
        self.route.restack(stack)
        self.probe.restack(stack)

    async def before_the_updater(self, color: Color = Color.BLUE, *, file: str = "updater-routes.yml") -> None:
        """Runs v1.0.0 in both colors with plain Compose; another program's `file` routes to `color`."""
        for service in {*self.stack.services(Color.BLUE), *self.stack.services(Color.GREEN)}:
            self.engine.place(service, "v1.0.0")
        self.engine.unlabel()
        self.route.place_foreign(color, name=file)
        await self.journal.update(lambda _: State())

    def _look(self, effect: str) -> None:
        color, rollout = self.route.served()
        routed = self.route.routed(color, rollout) if color else ()
        if color and not all(self._is_served(service, color) for service in routed):
            self.outages.append(effect)

    def _is_served(self, service: RoutedService, color: Color) -> bool:
        """Whether each copy that Traefik can connect to answers, and there is one."""
        name = service.colors[color]
        statuses = self.engine.statuses(name, self.route.names(service.name, color) or (name,))
        return bool(statuses) and set(statuses) == {200}
