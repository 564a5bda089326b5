"""The engine's containers and images, what tests do with them, and how requests change them."""

import itertools
from collections.abc import Callable, Collection, Sequence
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.domain.errors import EngineFailed
from tests.examples import sha_of
from tests.fakes.clock import FakeClock
from tests.fakes.engine.behaviour import Behaviour
from tests.fakes.engine.container import Container
from tests.fakes.engine.socket import OpenSocket, Socket
from tests.fakes.fuse import Fuse
from tests.fakes.processes import owner
from workers.ports import Stamp

BY_COMPOSE: ContextVar[bool] = ContextVar("BY_COMPOSE", default=False)
"""Whether Compose makes the changes. It is fenced when it starts, not at each change."""

USUAL = Behaviour()
"""How a service behaves in a release for which a test says nothing else."""


class TwoAtOnce(BaseException):
    """Two instances of a singleton ran at once. A BaseException, so that no code under test catches it."""


def _two_at_once(what: str) -> None:
    raise TwoAtOnce(what)


class Daemon:
    """`effects` lists what was done, in order, and `at` the last time of each; `watcher` is called after each effect.

    `ending` is called with each container that a request is about to end: stopped, replaced or removed. `doubled` is
    called with what is wrong when a singleton runs twice.
    """

    def __init__(
        self,
        clock: FakeClock,
        fuse: Fuse,
        singletons: Collection[str],
        followers: Collection[str] = (),
        jobs: Collection[str] = (),
    ) -> None:
        self.effects: list[str] = []
        self.at: dict[str, float] = {}
        self.watcher: Callable[[str], None] = lambda _: None
        self.fence: Callable[[], None] = lambda: None
        self.ending: Callable[[Container], None] = lambda _: None
        self.doubled: Callable[[str], object] = _two_at_once
        self.socket: Socket = OpenSocket()
        self.images: set[tuple[str, str]] = set()
        self.goes_away: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self._clock, self._fuse, self._singletons = clock, fuse, tuple(sorted(singletons))
        self._uncolored, self._jobs = (*self._singletons, *followers), tuple(jobs)
        self._behaviours: dict[tuple[str, str], Behaviour] = {}
        self._stamps: dict[Path, Stamp] = {}
        self._containers: dict[str, Container] = {}
        self._made = 0

    # What a test sets up, and what it sees

    def services_are(self, singletons: Collection[str], followers: Collection[str]) -> None:
        """Adds services to the earlier ones: also of those, no singleton may run twice."""
        self._singletons = tuple(sorted({*singletons, *self._singletons}))
        self._uncolored = tuple(dict.fromkeys((*self._uncolored, *singletons, *followers)))

    def behave(self, name: str, tag: str, **change: Any) -> None:
        """`name` is without its color: `api` configures api-blue and api-green."""
        self._behaviours[name, tag] = replace(self._behaviour(name, tag), **change)

    def place(self, service: str, tag: str, number: int | None = None) -> str:
        """Adds the instances that ran before the test began, all copies or `number`; returns the last one's id."""
        placed = ""
        for _ in range(self.copies_of(service, tag) if number is None else number):
            container = self._make(service, Stamp(tag, sha_of(tag), f"r-{tag}"))
            container.started_at = self._now - container.behaviour.ready_after
            self.images.add((service, container.stamp.sha))
            placed = container.id
        return placed

    def copies_of(self, service: str, tag: str) -> int:
        """How many instances the release runs of the service."""
        return 1 if service in self._singletons else self._behaviour(service, tag).copies

    def starts(self, service: str, tag: str) -> bool:
        """Whether the release's instances of the service can be started."""
        return self._behaviour(service, tag).starts

    def start_by_hand(self, service: str, tag: str) -> None:
        """Starts another instance without the updater; the engine allows that."""
        container = self._make(service, Stamp(tag, sha_of(tag), "r-hand"))
        container.labelled, container.started_at = False, self._now
        self._containers = {container.id: container, **self._containers}  # the newest first

    def by_hand(self, *, start: Sequence[str] = (), stop: Sequence[str] = (), tag: str = "") -> None:
        """Another program replaces the services `start` by ready copies of `tag`, and stops those of `stop`."""
        for container in [c for c in self._containers.values() if c.service in {*start, *stop}]:
            if container.service in stop:
                container.end()
            else:
                del self._containers[container.id]
        for service in start:
            self._containers[self.place(service, tag)].labelled = False

    def rename(self, service: str, host: str) -> None:
        """Its containers get the name `host` in their networks."""
        for container in self._of(service):
            container.host = host

    def hosts(self, service: str) -> set[str]:
        """The names that lead to its running containers: their own, and that of the service."""
        return {name for c in self._of(service) if c.runs(self._now) for name in (service, c.host) if name}

    def die(self, service: str) -> None:
        """Ends the running instances of `service`; the engine restarts them at once."""
        for container in self._of(service):
            if container.runs(self._now):
                container.died += 1
                container.started_at = self._now

    def go_down(self) -> None:
        """The engine ends, and all containers with it."""
        for container in self._containers.values():
            if container.runs(self._now):
                container.end()
                container.lost = True

    def come_up(self) -> None:
        """The engine starts again, and with it what no call has stopped: `restart: unless-stopped`."""
        for container in self._containers.values():
            if container.lost or (container.always and container.started_at is not None):
                container.start(self._now)
                container.restored = True
                self.note(f"restart {container.service} {container.stamp.release}")
        self._look("restart")

    def unlabel(self) -> None:
        """Makes all containers look as if the updater had not created them."""
        for container in self._containers.values():
            container.labelled = False

    def status(self, service: str) -> int:
        """The worst HTTP status of the running instances of `service`; 0 if nothing listens."""
        return max((c.status(self._now) for c in self._of(service) if c.runs(self._now)), default=0)

    def statuses(self, service: str, hosts: Collection[str]) -> list[int]:
        """The HTTP statuses of the running instances of `service` that one of `hosts` leads to."""
        running = [c for c in self._of(service) if c.runs(self._now) and not c.cut_off]
        return [c.status(self._now) for c in running if {service, c.host} & {*hosts}]

    def status_at(self, address: str) -> int:
        container = self._containers.get(address)
        return container.status(self._now) if container else 0

    def running(self, service: str) -> list[str]:
        """The tags of the running instances."""
        return [c.stamp.release for c in self._of(service) if c.runs(self._now)]

    def up(self) -> set[str]:
        """The services that run."""
        return {c.service for c in self._containers.values() if c.runs(self._now)}

    def containers(self, service: str) -> list[Container]:
        return list(self._of(service))

    @property
    def times_away(self) -> int:
        return self.socket.lost[owner()]

    @times_away.setter
    def times_away(self, times: int) -> None:
        self.socket.lost[owner()] = times

    def note(self, effect: str) -> None:
        self.effects.append(effect)
        self.at[effect] = self._now

    # How requests are carried out

    async def ready(self) -> None:
        """Calls `meanwhile` first, then waits until the engine answers."""
        self.meanwhile()
        await self.socket.reach()

    async def _change(
        self, effect: str, change: Callable[[], object], *, ends: Container | None = None, once: bool = False
    ) -> None:
        """Has the engine do `change`, which is reported as `effect`. It `ends` a container, and must be done `once`."""

        def carry_out() -> None:
            if ends is not None:
                self.ending(ends)
            change()
            self.note(effect)
            self._look(effect)

        self._fuse.burn()
        self._may_go_away(effect)
        if not BY_COMPOSE.get():
            self.fence()
        await self.socket.deliver(carry_out, once=once)
        self._fuse.burn()

    def _may_go_away(self, effect: str) -> None:
        """Raises EngineFailed once if `effect` is next in `goes_away`; after that the engine is back."""
        if self.goes_away[:1] == [effect]:
            self.goes_away.pop(0)
            self.times_away += 1
            raise EngineFailed("the connection was reset")

    def _look(self, effect: str) -> None:
        for service in self._singletons:
            up = [container for container in self._of(service) if container.runs(self._now)]
            one_follower = len({container.stamp.sha for container in up}) == 1 and self.may_overlap(up[0])
            if len(up) > 1 and not one_follower:
                self.doubled(f"{effect}: {service} runs {self.running(service)}")
        self.watcher(effect)

    def may_overlap(self, container: Container) -> bool:  # noqa: ARG002 - this knows no definitions
        """Whether it is a copy of what its own release has as a follower."""
        return False

    @property
    def _now(self) -> float:
        return self._clock.monotonic()

    def _of(self, service: str) -> list[Container]:
        return [c for c in self._containers.values() if c.service == service]

    def _make(self, service: str, stamp: Stamp) -> Container:
        self._made += 1
        behaviour = self._behaviour(service, stamp.release)
        image, now = self._image(service, stamp.release), self._clock.now()
        number = self._free_number(service)
        of_copy = behaviour.of_copy(number)
        container = Container(f"c{self._made}", service, stamp, image, of_copy, created=now, number=number)
        if behaviour.copies > 1:
            container.host = f"shop-{service}-{number}"
        self._containers[container.id] = container
        return container

    def _free_number(self, service: str) -> int:
        taken = {c.number for c in self._of(service)}
        return next(number for number in itertools.count(1) if number not in taken)

    def _behaviour(self, service: str, tag: str) -> Behaviour:
        return self._behaviours.get((service.partition("-")[0], tag), USUAL)

    def _image(self, service: str, tag: str) -> str:
        return self._behaviour(service, tag).image or f"{service}:{tag}"
