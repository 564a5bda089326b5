"""Everything outside the worker, in memory: this state survives the end of a worker."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from app.config.release_policy import ReleasePolicy
from app.domain.errors import (
    GitFailed,
    LedgerUnavailable,
    RouteNotConfirmed,
    SignatureRefused,
    StaleWorker,
    TagMoved,
    TagNotFound,
    UpdaterError,
)
from app.domain.findings import Alarm
from app.domain.history import HistoryEntry
from app.domain.release import Release, UnreadableRelease
from app.domain.rollout import Rollout
from app.domain.stack import Color, Stack
from app.domain.state import State
from tests.examples import a_live, a_stack, sha_of
from tests.fakes.clock import FakeClock
from tests.fakes.engine import FakeEngine
from tests.fakes.fuse import Fuse
from tests.fakes.notifier import FakeNotifier
from tests.fakes.traffic import Clients
from workers.control.announce import Announced
from workers.control.reconcile import Reconciler
from workers.control.served_guard import protecting
from workers.control.stale_guard import guarded
from workers.ports import Answer, Engine, Ports, Room, Route
from workers.ports.storage import Use
from workers.routing import route_file

GB = 1024**3
LATENCY = 0.01
"""Seconds that an HTTP answer takes."""


class FakeRoute:
    """The route file, and a Traefik that loads it `lag` seconds later; a flip to a color in `refuses` fails."""

    def __init__(self, stack: Stack, clock: FakeClock, fuse: Fuse, note: Callable[[str], None]) -> None:
        self._stack = stack
        self._foreign: dict[str, str] = {}
        self.lag = 0.05
        self.deaf = False
        self.beside: list[str] = []
        self.refuses: set[Color | None] = set()
        self._clock, self._fuse, self._note = clock, fuse, note
        self._file: Color | None = None
        self._written = ""
        self._served: list[tuple[float, Color | None, str]] = []

    async def flip(self, color: Color, rollout: str) -> None:
        self._install(color, rollout)

    async def clear(self) -> None:
        self._install(None, "")

    @property
    def file(self) -> Path:
        return Path("/routes/dynamic/updater-routes.yml")

    async def stands(self, color: Color, rollout: str | None) -> bool:
        return self._file is color and rollout in {None, self._written}

    async def strays(self) -> list[str]:
        """The files that take requests of the updater's routes."""
        return [*self.beside, *(self._foreign if self._file else ())]

    async def set_aside(self, name: str) -> None:
        self._fuse.burn()
        if self._foreign.pop(name, None) is None:
            self.beside.remove(name)
        self._note(f"set aside {name}")
        self._fuse.burn()

    async def files(self) -> Mapping[str, str]:
        own = {self.file.name: route_file.render(self._stack, self._file, self._written)} if self._file else {}
        return {**self._foreign, **own}

    async def restore(self, files: Mapping[str, str]) -> None:
        has_own = files.get(self.file.name, "").startswith(route_file.HEADER)
        self._foreign = {name: text for name, text in files.items() if not (has_own and name == self.file.name)}
        self._file = self._file if has_own else None
        self._note("restore the routes")
        if not has_own and (color := self.served()[0]):
            self._served.append((self._clock.monotonic() + self.lag, color, ""))

    async def active(self) -> Color | None:
        return self._file

    async def rollout(self) -> str | None:
        return self._written if self._file else None

    def load(self, color: Color, rollout: str) -> None:
        """Traefik loads another content than the file's, for example an earlier one that it had not loaded yet."""
        self._served.append((self._clock.monotonic(), color, rollout))

    def served(self) -> tuple[Color | None, str]:
        """The color that Traefik sends traffic to now, and the rollout id in its answers."""
        now = self._clock.monotonic()
        return next(((c, r) for at, c, r in reversed(self._served) if at <= now), (None, ""))

    def place(self, color: Color, rollout: str) -> None:
        """Sets the route that existed before the test began."""
        self._file, self._written = color, rollout
        self._served.append((self._clock.monotonic(), color, rollout))

    def place_foreign(self, color: Color, *, name: str = "updater-routes.yml", keep_own: bool = False) -> None:
        """Adds another program's file `name`: it routes to `color` and wins, and its answers carry no rollout id."""
        text = route_file.render(self._stack, color, "").replace("updater-", "old-")
        http = yaml.safe_load(text)["http"]
        for router in http["routers"].values():
            del router["middlewares"]
        for service in http["services"].values():
            del service["loadBalancer"]["serversTransport"]
        self._foreign[name] = yaml.safe_dump({"http": {key: http[key] for key in ("routers", "services")}})
        self._file = self._file if keep_own else None
        self._served.append((self._clock.monotonic(), color, ""))

    def _install(self, color: Color | None, rollout: str) -> None:
        self._fuse.burn()
        if color in self.refuses:
            raise RouteNotConfirmed("the disk is full")
        self._file, self._written = color, rollout
        self._foreign.pop(self.file.name, None)
        self._note(f"route {color}")
        if not self.deaf:
            self._served.append((self._clock.monotonic() + self.lag, color, rollout))
        self._fuse.burn()


class FakeProbe:
    """Answers like Traefik at a route's URL, and like the instance at its own address.

    Traefik cannot reach the Compose services in `unknown` by the names in the updater's route.
    """

    def __init__(self, stack: Stack, clock: FakeClock, route: FakeRoute, engine: FakeEngine) -> None:
        self.unknown: set[str] = set()
        self._stack, self._clock, self._route, self._engine = stack, clock, route, engine

    async def get(self, url: str) -> Answer:
        await self._clock.sleep(LATENCY)
        service = next((s for s in self._stack.routed if self._stack.route_url(s) == url), None)
        if service is None:
            return _answer(self._engine.status_at(urlsplit(url).hostname or ""))
        color, rollout = self._route.served()
        if color is None:
            return Answer(404, LATENCY)
        reached = not (rollout and service.colors[color] in self.unknown)
        return _answer((reached and self._engine.status(service.colors[color])) or 502, rollout)


def _answer(status: int, rollout: str | None = None) -> Answer:
    return Answer(status, LATENCY, rollout, None if status else "no answer (ConnectError)")


class FakeSource:
    """A repository with `tags`; those in `moved` were moved, and those in `unsigned` are refused.

    `clone` maps the directory and ref of an operator's own clone to a commit; its HEAD moved at `moved_at`.
    `collected`: how often the mirror was collected; it `refuses` with that error. `spared_for`: seconds for which the
    last prune spared unused trees.
    """

    def __init__(self, *tags: str) -> None:
        self.tags = {tag: sha_of(tag) for tag in tags}
        self.moved: set[str] = set()
        self.unsigned: set[str] = set()
        self.trees: set[str] = set()
        self.unchanged: set[str] = set()
        self.clone: dict[tuple[str, str], str] = {}
        self.moved_at: datetime | None = None
        self.collected = 0
        self.spared_for = 0.0
        self.refuses: GitFailed | None = None

    async def find(self, tag: str) -> str:
        if tag not in self.tags:
            raise TagNotFound(tag)
        return self.tags[tag]

    async def fetch(self, tag: str) -> str:
        if tag in self.moved:
            raise TagMoved(tag)
        if tag in self.unsigned:
            raise SignatureRefused(f"{tag} has no signature")
        return await self.find(tag)

    async def differs(self, old: str, new: str, path: str) -> bool:
        return old != new and path not in self.unchanged

    async def commit_in(self, directory: Path, name: str) -> str | None:
        return self.clone.get((str(directory), name))

    async def tags_in(self, directory: Path, sha: str) -> list[str]:
        refs = [name for (where, name), at in self.clone.items() if (where, at) == (str(directory), sha)]
        return [ref.removeprefix("refs/tags/") for ref in refs if ref.startswith("refs/tags/")]

    async def moved_in(self, directory: Path) -> datetime | None:
        return self.moved_at if any(where == str(directory) for where, _ in self.clone) else None

    async def checkout(self, sha: str) -> Path:
        self.trees.add(sha)
        return Path("/trees") / sha

    async def prune(self, keep: Collection[str], *, unused_for: float = 0.0) -> None:
        self.trees &= set(keep)
        self.spared_for = unused_for

    async def collect(self) -> None:
        if self.refuses:
            raise self.refuses
        self.collected += 1


class FakeJournal:
    """The state; writes fail if the disk is `full` or another worker has taken over (`epoch`)."""

    def __init__(self, clock: FakeClock, fuse: Fuse) -> None:
        self.full = False
        self.lost: str | None = None
        self.epoch = 0
        self._state = self._previous = State()
        self._clock, self._fuse = clock, fuse

    @property
    def state(self) -> State:
        return self._state

    def lose(self, why: str | None) -> None:
        """Makes the file missing, or unreadable if there is a reason `why`."""
        self._state, self.lost = State(), why

    def tear(self) -> None:
        """Makes the file unreadable: the copy before it is used."""
        self._state, self.lost = (
            self._previous,
            "updater-state.json could not be read. The updater used the previous copy.",
        )

    async def check(self) -> None:
        if self.epoch > self._state.epoch:
            raise StaleWorker("the journal has a later worker's epoch")

    async def update(self, change: Callable[[State], State]) -> State:
        new = change(self._state)
        if new == self._state:
            return new
        await self._clock.sleep(0)
        self._fuse.burn()
        if self.full:
            raise OSError(28, "No space left on device")
        if self.epoch > new.epoch:
            raise StaleWorker("the journal has a later worker's epoch")
        self._previous, self._state = self._state, change(self._state)
        self._fuse.burn()
        return self._state


class FakeInbox:
    """Accepted releases that the worker has not taken yet. Redis may be `away`, or `forgetful`: it keeps taken ones.

    `unreadable`: those that another version accepted.
    """

    def __init__(self, fuse: Fuse) -> None:
        self.away = False
        self.forgetful = False
        self.unreadable: list[UnreadableRelease] = []
        self._fuse = fuse
        self._pending: dict[str, Release] = {}
        self._known: dict[str, Release] = {}

    def put(self, *releases: Release) -> None:
        self._pending |= {r.key: r for r in releases}
        self._known |= self._pending

    def lose(self) -> None:
        """Empties Redis."""
        self._pending, self._known = {}, {}

    async def ping(self) -> None:
        if self.away:
            raise LedgerUnavailable("ConnectionError")

    async def pending(self) -> list[Release]:
        await self.ping()
        return sorted(self._pending.values(), key=lambda r: r.accepted_at)

    async def accept(self, release: Release) -> Release | None:
        await self.ping()
        self._fuse.burn()
        if known := self._known.get(release.key):
            return known
        self.put(release)
        self._fuse.burn()
        return None

    async def known(self) -> list[Release]:
        await self.ping()
        return list(self._known.values())

    async def taken(self, releases: Sequence[Release]) -> None:
        await self.ping()
        self._fuse.burn()
        for release in () if self.forgetful else releases:
            self._pending.pop(release.key, None)
        self._fuse.burn()

    async def set_aside(self) -> list[UnreadableRelease]:
        await self.ping()
        return list(self.unreadable)

    async def dismiss(self, releases: Collection[UnreadableRelease]) -> None:
        await self.ping()
        self.unreadable = [release for release in self.unreadable if release not in releases]


class FakeStorage:
    """The updater's own files: what they use, and the logs on disk, by rollout id."""

    def __init__(self) -> None:
        self.uses = dict.fromkeys(Use, 0)
        self.logs: set[str] = set()

    def used(self) -> Mapping[Use, int]:
        return self.uses

    def prune(self, keep: Collection[str]) -> int:
        """Deletes all logs but those to keep, as if there were far too many."""
        before = len(self.logs)
        self.logs &= set(keep)
        return before - len(self.logs)


class FakePublisher:
    """Records everything that is published; `entries` is the history, oldest first."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.entries: list[HistoryEntry] = []
        self.statuses: list[State] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.results: list[tuple[Rollout, State]] = []
        self.never: list[tuple[str, str]] = []
        self.lines: list[tuple[str, str]] = []
        self.rebuilt = 0
        self.waiting: list[str] = []
        self.kept: list[tuple[Rollout, State]] = []
        self.alarmed: list[list[str]] = []
        self._at_event: dict[str, Callable[[], object]] = {}

    def at_event(self, kind: str, happen: Callable[[], object]) -> None:
        """Calls `happen` once, at the next event of that kind."""
        self._at_event[kind] = happen

    def status(self, state: State) -> None:
        self.statuses.append(state)

    def event(self, kind: str, **data: Any) -> None:
        self.events.append((kind, data))
        self._at_event.pop(kind, lambda: None)()

    def queued(self, releases: Sequence[Release]) -> None:
        self.waiting += [release.tag for release in releases]

    def keep(self, rollout: Rollout, state: State) -> None:
        self.kept.append((rollout, state))
        self._remember(HistoryEntry.of(rollout))

    def result(self, rollout: Rollout, state: State) -> None:
        self.results.append((rollout, state))

    def decided(self, release: Release, why: UpdaterError) -> None:
        self.never.append((release.tag, why.detail))
        self._remember(HistoryEntry.without_rollout(release, why, self._clock.now()))

    async def history(self) -> list[HistoryEntry]:
        return self.entries[::-1]

    async def rebuild(self, *, always: bool = False) -> None:
        self.rebuilt += 1 if always else 0

    def alarms(self, alarms: Sequence[Alarm]) -> None:
        self.alarmed.append([alarm.kind for alarm in alarms])

    def line(self, rollout: str, line: str) -> None:
        self.lines.append((rollout, line))

    def _remember(self, entry: HistoryEntry) -> None:
        """Replaces an earlier entry of the same rollout."""
        self.entries = [*(e for e in self.entries if e.rollout_id != entry.rollout_id), entry]


@dataclass
class World:
    """A host with its stack. `outages` lists the effects after which the route led to an unhealthy service."""

    stack: Stack = field(default_factory=a_stack)
    clock: FakeClock = field(default_factory=FakeClock)
    fuse: Fuse = field(default_factory=Fuse)
    room: Room = field(default_factory=lambda: Room(disk=100 * GB, memory=100 * GB))
    outages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = FakeEngine(self.clock, self.fuse, {s.service for s in self.stack.singletons})
        self.engine.watcher = self._look
        self.route = FakeRoute(self.stack, self.clock, self.fuse, self.engine.note)
        self.probe = FakeProbe(self.stack, self.clock, self.route, self.engine)
        self.clients = Clients(self.stack, self.clock, lambda: self.route.served()[0])
        self.source = FakeSource("v0.9.0", "v1.0.0", "v1.1.0", "v1.2.0")
        self.journal = FakeJournal(self.clock, self.fuse)
        self.inbox = FakeInbox(self.fuse)
        self.publisher = FakePublisher(self.clock)
        self.notifier = FakeNotifier(self.clock)
        self.storage = FakeStorage()

    @property
    def ports(self) -> Ports:
        return Ports(
            engine=guarded(Engine, protecting(self.engine, self.route, self.stack), self.journal),
            source=self.source,
            route=guarded(Route, self.route, self.journal),
            probe=self.probe,
            traffic=self.clients if self.stack.traefik.metrics else None,
            journal=self.journal,
            inbox=self.inbox,
            publisher=Announced(self.publisher, self.notifier, self.stack.project),
            clock=self.clock,
            room=lambda: self.room,
            storage=self.storage,
            notifier=self.notifier,
        )

    @property
    def state(self) -> State:
        return self.journal.state

    @property
    def effects(self) -> list[str]:
        return self.engine.effects

    def worker(self, *, pause_on_failure: bool = True, **policy: bool) -> Reconciler:
        """Starts a new worker process."""
        made = ReleasePolicy(windows=self.stack.policy.windows, **policy)
        return Reconciler(self.stack, self.ports, policy=made, pause_on_failure=pause_on_failure)

    async def live(self, tag: str, color: Color = Color.BLUE) -> None:
        """Makes `tag` live on `color`, as after an earlier rollout."""
        for service in self.stack.services(color):
            self.engine.place(service, tag)
        self.route.place(color, f"r-{tag}")
        await self.journal.update(lambda _: State(active_color=color, current=a_live(tag), last_good_tag=tag, epoch=1))

    async def before_the_updater(self, color: Color = Color.BLUE, *, file: str = "updater-routes.yml") -> None:
        """Runs v1.0.0 in both colors with plain Compose; another program's `file` routes to `color`."""
        for service in {*self.stack.services(Color.BLUE), *self.stack.services(Color.GREEN)}:
            self.engine.place(service, "v1.0.0")
        self.engine.unlabel()
        self.route.place_foreign(color, name=file)
        await self.journal.update(lambda _: State())

    def _look(self, effect: str) -> None:
        color, _ = self.route.served()
        if color and not all(self.engine.status(s.colors[color]) == 200 for s in self.stack.routed):
            self.outages.append(effect)
