"""An engine in memory: instances start, answer, die and stop as the test configured their release."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.domain.errors import (
    BeforeFlipFailed,
    BuildFailed,
    ComposeInvalid,
    EngineFailed,
    PolicyRefused,
    ReleaseNotKept,
    StartFailed,
)
from app.domain.stack import Color
from tests.examples import NOW, sha_of
from tests.fakes.clock import FakeClock
from tests.fakes.fuse import Fuse
from workers.ports import CheckResult, Comparison, Definition, Difference, Instance, Seen, Stamp, Survey

CHECK_LIMIT = 30.0
"""The limit of a health check, in seconds."""

RETRIES = 3
"""Failures in a row after which the engine reports an instance as unhealthy."""


class TwoAtOnce(BaseException):
    """Two instances of a singleton ran at once. A BaseException, so that no code under test catches it."""


@dataclass(frozen=True)
class Behaviour:
    """How the instances of a service behave in one release; times are in seconds after their start.

    `image`: two releases with the same name share an image. A stop takes `stop_seconds`, in which a start does nothing.
    A one-off command takes `run_seconds` and ends with `exit_code`.
    `own_check`: whether the instances have their own health check. A run of it takes `check_seconds`, at most
    CHECK_LIMIT, and passes while they are ready and their status is 200. It never passes if `check_passes` is False,
    and cannot run if `check_starts` is False. The engine runs it every `own_interval` seconds, first after one
    interval, and reports them as unhealthy from the third failure on; 0: the engine's verdict is always current.
    """

    builds: bool = True
    starts: bool = True
    status: int = 200
    ready_after: float = 0.25
    dies_after: float | None = None
    stops: bool = True
    stop_seconds: float = 0.0
    own_check: bool = True
    own_interval: float = 0.0
    check_seconds: float = 0.05
    check_starts: bool = True
    check_passes: bool = True
    run_seconds: float = 1.0
    exit_code: int = 0
    image: str | None = None


@dataclass
class _Container:
    id: str
    service: str
    stamp: Stamp
    image: str
    behaviour: Behaviour
    started_at: float | None = None
    exited: bool = False
    exits_at: float | None = None
    labelled: bool = True
    adopted: bool = False
    restarts: int = 0
    check_until: float = 0.0


class FakeEngine:
    """`effects` lists what was done, in order, and `at` the last time of each; `watcher` is called after each effect.

    `forbidden`: what each release uses that the policy forbids, by tag.
    `checks` lists the requested runs of health checks, each with its name (`bot v1.1.0`) and its start. With
    `refuses_checks` the socket proxy between the worker and the engine blocks them.
    """

    def __init__(self, clock: FakeClock, fuse: Fuse, singletons: Collection[str]) -> None:
        self.effects: list[str] = []
        self.checks: list[tuple[str, float]] = []
        self.refuses_checks = False
        self.at: dict[str, float] = {}
        self.watcher: Callable[[str], None] = lambda _: None
        self.images: set[tuple[str, str]] = set()
        self._clock, self._fuse, self._singletons = clock, fuse, singletons
        self._behaviours: dict[tuple[str, str], Behaviour] = {}
        self.others: list[tuple[str, str]] = []
        self.own: list[str] = []
        self.retired: list[str] = []
        self._stamps: dict[Path, Stamp] = {}
        self._containers: dict[str, _Container] = {}
        self.once: list[str] = []
        self.one_ways: set[str] = set()
        self.forbidden: dict[str, str] = {}
        self.published: tuple[str, Color] | None = None
        self.published_updater: Path | None = None
        self.published_retired = ""
        self._made = 0
        self.times_away = 0
        self.goes_away: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None

    async def ready(self) -> None:
        """Returns at once: the engine is back within the worker's limit. Calls `meanwhile` first."""
        self.meanwhile()

    def _may_go_away(self, effect: str) -> None:
        """Raises EngineFailed once if `effect` is next in `goes_away`; after that the engine is back."""
        if self.goes_away[:1] == [effect]:
            self.goes_away.pop(0)
            self.times_away += 1
            raise EngineFailed("the connection was reset")

    def behave(self, name: str, tag: str, **change: Any) -> None:
        """`name` is without its color: `api` configures api-blue and api-green."""
        self._behaviours[name, tag] = replace(self._behaviour(name, tag), **change)

    def place(self, service: str, tag: str) -> str:
        """Adds an instance that ran before the test began; returns its id."""
        container = self._make(service, Stamp(tag, sha_of(tag), f"r-{tag}"))
        container.started_at = self._clock.monotonic() - container.behaviour.ready_after
        self.images.add((service, container.stamp.sha))
        return container.id

    def start_by_hand(self, service: str, tag: str) -> None:
        """Starts another instance without the updater; the engine allows that."""
        container = self._make(service, Stamp(tag, sha_of(tag), "r-hand"))
        container.labelled, container.started_at = False, self._clock.monotonic()
        self._containers = {container.id: container, **self._containers}  # the newest first

    def by_hand(self, *, start: Sequence[str] = (), stop: Sequence[str] = (), tag: str = "") -> None:
        """Another program replaces the services `start` by ready copies of `tag`, and stops those of `stop`."""
        for container in [c for c in self._containers.values() if c.service in {*start, *stop}]:
            if container.service in stop:
                container.exited = True
            else:
                del self._containers[container.id]
        for service in start:
            self._containers[self.place(service, tag)].labelled = False

    def die(self, service: str) -> None:
        """Ends the running instances of `service`; the engine restarts them at once."""
        for container in self._containers.values():
            if container.service == service and self._state(container) == "running":
                container.restarts += 1
                container.started_at = self._clock.monotonic()

    def unlabel(self) -> None:
        """Makes all containers look as if the updater had not created them."""
        for container in self._containers.values():
            container.labelled = False

    def status(self, service: str) -> int:
        """The HTTP status of `service`; 0 if nothing listens."""
        for container in self._containers.values():
            if container.service == service and self._state(container) == "running":
                return container.behaviour.status if self._is_ready(container) else 503
        return 0

    def status_at(self, address: str) -> int:
        container = self._containers.get(address)
        return self.status(container.service) if container and self._state(container) == "running" else 0

    def running(self, service: str) -> list[str]:
        """The tags of the running instances."""
        instances = (c for c in self._containers.values() if c.service == service)
        return [c.stamp.release for c in instances if self._state(c) == "running"]

    async def define(self, tree: Path, stamp: Stamp) -> Definition:
        if used := self.forbidden.get(stamp.release):
            raise PolicyRefused(used)
        path = tree / f"{stamp.rollout}.json"
        self._stamps[path] = stamp
        return Definition(path, stamp.sha)

    def defined(self, sha: str) -> Definition:
        path = next(p for p, stamp in reversed(self._stamps.items()) if stamp.sha == sha)
        return Definition(path, sha)

    async def recall(self, stamp: Stamp, services: Sequence[str]) -> Definition:
        if gone := await self.missing(stamp.sha, services):
            raise ReleaseNotKept(f"{stamp.release} lacks {', '.join(gone)}")
        for container in self._containers.values():
            if container.adopted and container.stamp.sha == stamp.sha:
                container.stamp = stamp
        return await self.define(Path("/kept") / stamp.sha, stamp)

    async def adopt(self, stamp: Stamp, color: Color, instances: Sequence[Instance]) -> list[str]:
        self._fuse.burn()
        for container in (self._containers[i.id] for i in instances):
            container.stamp, container.labelled, container.adopted = stamp, True, True
            name = container.service.partition("-")[0]
            self.images |= {(s, stamp.sha) for s in (container.service, f"{name}-{color.other}")}
        await self.define(Path("/kept") / stamp.sha, stamp)
        self.note(f"adopt {stamp.release}")
        self._fuse.burn()
        return []

    async def missing(self, sha: str, services: Sequence[str]) -> list[str]:
        return [f"{s}:{sha}" for s in services if not {(s, sha), (_of_the_other_color(s), sha)} & self.images]

    async def publish(self, definition: Definition, color: Color) -> None:
        self.published = (definition.sha, color)

    @property
    def published_path(self) -> Path:
        return Path("/published/compose.json")

    async def publish_updater(self, model: Path) -> None:
        self.published_updater = model

    async def republish(self) -> None:
        """Raises `published_retired` if set; published models contain no retired service."""
        if self.published_retired:
            raise ComposeInvalid(self.published_retired)

    async def compare(self, tree: Path, stamp: Stamp, live: str | None) -> Comparison:
        assert str(tree).startswith("/trees")
        redefined = None if live is None else False
        names = [*(f"{name}-{color}" for name in ("skills", "api") for color in Color), *self._singletons]
        moved = tuple(Difference(n, self._image(n, stamp.release), n, redefined) for n in names)
        others, own, retired = tuple(self.others), tuple(self.own), tuple(self.retired)
        forbidden = tuple(used for tag, used in self.forbidden.items() if tag == stamp.release)
        one_way = stamp.release in self.one_ways
        return Comparison(moved, others, own, retired, one_way=one_way, forbidden=forbidden)

    async def survey(self) -> Survey:
        seen = tuple(self._seen(c) for c in self._containers.values())
        return Survey(seen, 1000 * len(self.images), 0, {"engine": "in memory"}, None, None)

    async def build(
        self, definition: Definition, services: Sequence[str], log: Callable[[str], None]
    ) -> dict[str, str]:
        stamp = self._stamps[definition.path]
        self._may_go_away(f"build {stamp.release}")
        for service in services:
            log(f"building {service}")
            if not self._behaviour(service, stamp.release).builds:
                raise BuildFailed("exit code 17", service=service, last_lines=["no such file"])
            self.images.add((service, stamp.sha))
        return {service: self._image(service, stamp.release) for service in services}

    async def run_once(
        self,
        definition: Definition,
        service: str,
        command: Sequence[str],
        *,
        name: str,
        limit: float,
        log: Callable[[str], None],
    ) -> None:
        stamp = self._stamps[definition.path]
        behaviour = self._behaviour(service, stamp.release)
        assert (service, stamp.sha) in self.images
        assert not self.once, "two at once"
        self._change(f"run {service} {stamp.release} {' '.join(command)}", lambda: self.once.append(name))
        log(f"{service} {stamp.release} says {' '.join(command)}")
        await self._clock.sleep(min(behaviour.run_seconds, limit))
        if behaviour.run_seconds > limit:
            raise BeforeFlipFailed(f"it ran longer than {limit:g} s", service=service, last_lines=["so far"])
        self._change(f"ran {service} {stamp.release} {' '.join(command)}", lambda: self.once.remove(name))
        if behaviour.exit_code:
            raise BeforeFlipFailed(f"exit code {behaviour.exit_code}", service=service, last_lines=["no such column"])

    async def sweep(self) -> list[str]:
        left = list(self.once)
        if left:
            self._change("sweep", self.once.clear)
        return left

    async def one_way(self, sha: str) -> bool:
        return any(stamp.release in self.one_ways for stamp in self._stamps.values() if stamp.sha == sha)

    async def start(self, definition: Definition, services: Sequence[str]) -> list[Instance]:
        return [await self._start(definition, service) for service in services]

    async def _start(self, definition: Definition, service: str) -> Instance:
        stamp = self._stamps[definition.path]
        instances = (c for c in self._containers.values() if c.service == service)
        for adopted in [c for c in instances if c.adopted and c.stamp == stamp]:
            await self.resume(adopted.id)
            return self._instance(adopted)
        for old in [c for c in self._containers.values() if c.service == service]:
            self._change(f"replace {service} {old.stamp.release}", lambda c=old: self._containers.pop(c.id))  # type: ignore[misc]
        container = self._make(service, self._stamps[definition.path])
        await self.resume(container.id)
        return self._instance(container)

    async def create(self, definition: Definition, service: str) -> Instance:
        stamp = self._stamps[definition.path]
        self._fuse.burn()
        container = self._make(service, stamp)
        self._change(f"create {service} {stamp.release}", lambda: None)
        return self._instance(container)

    async def unchanged(self, instance: Instance, definition: Definition) -> bool:
        return instance.image == self._image(instance.service, self._stamps[definition.path].release)

    async def resume(self, instance: str) -> None:
        container = self._containers[instance]
        if not container.behaviour.starts:
            raise StartFailed("exec format error", service=container.service)

        def start() -> None:
            container.started_at, container.exited, container.exits_at = self._clock.monotonic(), False, None
            container.check_until = 0.0

        if self._state(container) != "running":
            self._change(f"start {container.service} {container.stamp.release}", start)

    async def find(self, service: str, *, rollout: str | None = None) -> list[Instance]:
        instances = [self._instance(c) for c in self._containers.values() if c.service == service]
        return [instance for instance in instances if rollout in {None, instance.rollout}]

    async def inspect(self, instance: str) -> Instance:
        container = self._containers.get(instance)
        return self._instance(container) if container else Instance(instance, service="", state="removed")

    async def check(self, instance: str, limit: float) -> CheckResult:
        container = self._containers.get(instance)
        if container is None or self._state(container) != "running":
            return CheckResult(False, f"it is {self._state(container) if container else 'removed'}")
        behaviour, now = container.behaviour, self._clock.monotonic()
        if not behaviour.own_check:
            return CheckResult(False, "the container has no health check")
        if now < container.check_until:
            return CheckResult(False, "an earlier run of the check has not ended yet")
        if self.refuses_checks:
            return CheckResult(False, "the socket proxy does not allow this call")
        if not behaviour.check_starts:
            return CheckResult(False, "exit code 126: /no/such/check: no such file or directory")
        self.checks.append((f"{container.service} {container.stamp.release}", now))
        return await self._run_check(container, limit)

    async def _run_check(self, container: _Container, limit: float) -> CheckResult:
        behaviour, restarts, limit = container.behaviour, container.restarts, min(limit, CHECK_LIMIT)
        container.check_until = self._clock.monotonic() + behaviour.check_seconds
        await self._clock.sleep(min(behaviour.check_seconds, limit))
        if behaviour.check_seconds > limit:
            return CheckResult(False, f"the check did not end within {limit:g} s")
        if self._state(container) != "running" or container.restarts > restarts:
            return CheckResult(False, "exit code 137")
        passed = self._would_pass(container, self._clock.monotonic())
        return CheckResult(passed, "exit code 0" if passed else f"exit code 1: {container.service} is not ready")

    async def stop(self, instance: str, grace: float) -> Instance:
        container = self._containers.get(instance)
        if container is not None and self._state(container) == "running":
            if container.behaviour.stops:
                await self._shut_down(container, grace)
                self._change(f"stop {container.service} {container.stamp.release}", lambda: _exit(container))
            else:
                await self._clock.sleep(grace)
        return await self.inspect(instance)

    async def _shut_down(self, container: _Container, grace: float) -> None:
        """The container ends at its time, even if the caller is cut off meanwhile."""
        now, takes = self._clock.monotonic(), min(container.behaviour.stop_seconds, grace)
        if takes:
            container.exits_at = container.exits_at or now + takes
            await self._clock.sleep(container.exits_at - now)

    async def remove(self, instance: str) -> None:
        container = self._containers.get(instance)
        if container is None or container.adopted:
            return
        if self._state(container) == "running":
            raise EngineFailed("it runs: stop it before it is removed")
        self._change(f"remove {container.service} {container.stamp.release}", lambda: self._containers.pop(instance))

    async def tail(self, instance: str, lines: int) -> list[str]:
        container = self._containers[instance]
        return [f"{container.service} {container.stamp.release} was here"][-lines:]

    async def prune(self, keep: Collection[str]) -> int:
        old = [c for c in self._containers.values() if c.service in self._singletons and c.stamp.sha not in keep]
        for container in [c for c in old if self._state(c) != "running"]:
            container.adopted = False
            await self.remove(container.id)
        gone = {(service, sha) for service, sha in self.images if sha not in keep}
        self.images -= gone
        await self.forget(keep)
        return 1000 * len(gone)

    async def forget(self, keep: Collection[str]) -> None:
        self._stamps = {path: stamp for path, stamp in self._stamps.items() if stamp.sha in keep}
        for container in [c for c in self._containers.values() if c.adopted and c.stamp.sha not in keep]:
            container.adopted = container.labelled = False

    def note(self, effect: str) -> None:
        self.effects.append(effect)
        self.at[effect] = self._clock.monotonic()

    def _make(self, service: str, stamp: Stamp) -> _Container:
        self._made += 1
        behaviour = self._behaviour(service, stamp.release)
        container = _Container(f"c{self._made}", service, stamp, self._image(service, stamp.release), behaviour)
        self._containers[container.id] = container
        return container

    def _change(self, effect: str, change: Callable[[], Any]) -> None:
        self._fuse.burn()
        self._may_go_away(effect)
        change()
        self.note(effect)
        for service in self._singletons:
            if len(self.running(service)) > 1:
                raise TwoAtOnce(f"{effect}: {service} runs {self.running(service)}")
        self.watcher(effect)
        self._fuse.burn()

    def _behaviour(self, service: str, tag: str) -> Behaviour:
        return self._behaviours.get((service.partition("-")[0], tag), Behaviour())

    def _image(self, service: str, tag: str) -> str:
        return self._behaviour(service, tag).image or f"{service}:{tag}"

    def _state(self, container: _Container) -> str:
        if container.started_at is None:
            return "created"
        dies = container.behaviour.dies_after
        died = dies is not None and self._clock.monotonic() >= container.started_at + dies
        ended = container.exits_at is not None and self._clock.monotonic() >= container.exits_at
        return "exited" if container.exited or died or ended else "running"

    def _seen(self, container: _Container) -> Seen:
        color = container.service.partition("-")[2] or None
        state, health = self._state(container), self._health(container)
        return Seen(container.service, state, health, container.image, color, container.stamp.release, (), {})

    def _is_ready(self, container: _Container, at: float | None = None) -> bool:
        now, started = self._clock.monotonic() if at is None else at, container.started_at
        return started is not None and now >= started + container.behaviour.ready_after

    def _health(self, container: _Container) -> str | None:
        behaviour, now, started = container.behaviour, self._clock.monotonic(), container.started_at
        if not behaviour.own_check or started is None:
            return None
        if not behaviour.own_interval:
            return "starting" if not self._is_ready(container) else self._verdict(container, now)
        looks = (now - started) // behaviour.own_interval
        verdict = self._verdict(container, started + looks * behaviour.own_interval)
        return verdict if looks >= (1 if verdict == "healthy" else RETRIES) else "starting"

    def _verdict(self, container: _Container, looked_at: float) -> str:
        return "healthy" if self._would_pass(container, looked_at) else "unhealthy"

    def _would_pass(self, container: _Container, at: float) -> bool:
        behaviour = container.behaviour
        works = behaviour.check_passes and behaviour.check_starts and behaviour.check_seconds <= CHECK_LIMIT
        return works and behaviour.status == 200 and self._is_ready(container, at)

    def _instance(self, container: _Container) -> Instance:
        state = self._state(container)
        return Instance(
            id=container.id,
            service=container.service,
            state=state,
            health=self._health(container) if state == "running" else None,
            restarts=container.restarts,
            exit_code=None if state == "running" else 0,
            address=container.id if state == "running" else None,
            image=container.image,
            rollout=container.stamp.rollout if container.labelled else None,
            release=container.stamp.release if container.labelled else None,
            sha=container.stamp.sha if container.labelled else None,
            names=(container.service,),
            adopted=container.adopted,
            created=NOW,
        )


def _of_the_other_color(service: str) -> str:
    name, _, color = service.partition("-")
    return f"{name}-{Color(color).other}" if color else service


def _exit(container: _Container) -> None:
    container.exited = True
