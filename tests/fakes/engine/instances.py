"""The instances of the services, in memory."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from app.domain.errors import BeforeFlipFailed, EngineFailed, StartFailed, UpdaterError
from app.domain.release_stack import Role
from tests.examples import a_stack
from tests.fakes.engine.behaviour import CHECK_LIMIT
from tests.fakes.engine.container import Container
from tests.fakes.engine.daemon import BY_COMPOSE
from tests.fakes.engine.definitions import FakeDefinitions
from tests.fakes.processes import as_child
from workers.ports import CheckResult, Cluster, Definition, Instance, Outsider, Survey


class FakeEngine(FakeDefinitions):
    """An engine in memory: instances start, answer, die and stop as the test configured their release.

    `checks` lists the requested runs of health checks, each with its name (`bot v1.1.0`) and its start. With
    `refuses_checks` the socket proxy between the worker and the engine blocks them. `once` are the one-off commands
    that run. `outsiders` are what runs outside the project, by service. `refused`: why no container of a service can
    be created.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.checks: list[tuple[str, float]] = []
        self.refuses_checks = False
        self.once: list[str] = []
        self.machines: Cluster | None = None
        self.outsiders: dict[str, list[Outsider]] = {}
        self.refused: dict[str, type[UpdaterError]] = {}

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
        text = " ".join((service, stamp.release, *command))
        await self._change(f"run {text}", lambda: self.once.append(name), once=True)
        log(f"{service} {stamp.release} says {' '.join(command)}")
        await self._clock.sleep(min(behaviour.run_seconds, limit))
        if behaviour.run_seconds > limit:
            raise BeforeFlipFailed(f"it ran longer than {limit:g} s", service=service, last_lines=["so far"])
        await self._change(f"ran {text}", lambda: self.once.remove(name))
        if behaviour.exit_code:
            raise BeforeFlipFailed(f"exit code {behaviour.exit_code}", service=service, last_lines=["no such column"])

    async def sweep(self) -> list[str]:
        await self.socket.reach()
        left = list(self.once)
        if left:
            await self._change("sweep", self.once.clear)
        return left

    async def start(self, definition: Definition, services: Sequence[str]) -> list[Instance]:
        """Compose does it, in a process of its own: it runs on while the worker is suspended."""
        self.fence()
        return await as_child(self._compose_up(definition, services))

    async def _compose_up(self, definition: Definition, services: Sequence[str]) -> list[Instance]:
        started = BY_COMPOSE.set(True)
        try:
            return [instance for service in services for instance in await self._start(definition, service)]
        finally:
            BY_COMPOSE.reset(started)

    async def _start(self, definition: Definition, service: str) -> list[Instance]:
        stamp = self._stamps[definition.path]
        if service not in (await self.roles_of(stamp.sha, proven=False) or {service}):
            raise StartFailed(f"no such service: {service}", service=service)
        if adopted := [c for c in self._of(service) if c.adopted and c.stamp == stamp]:
            for container in adopted:
                await self.resume(container.id)
            return [container.instance(self._now) for container in adopted]
        self._may_create(service)
        for old in self._of(service):
            if old.behaviour.stop_seconds and old.runs(self._now):
                grace = old.instance(self._now).grace(a_stack().times.stop_grace)
                await self._clock.sleep(min(old.behaviour.stop_seconds, grace))
            await self._change(f"replace {service} {old.stamp.release}", self._forgetting(old), ends=old, once=True)
        made = [self._make(service, stamp) for _ in range(self.copies_of(service, stamp.release))]
        for container in made:
            await self._begin(container, once=True)
        return [container.instance(self._now) for container in made]

    def _forgetting(self, container: Container) -> Callable[[], object]:
        return lambda: self._containers.pop(container.id, None)

    async def create(self, definition: Definition, service: str) -> Instance:
        stamp = self._stamps[definition.path]
        made = [container for container in self._of(service) if container.stamp.rollout == stamp.rollout]
        if made:
            await self.socket.reach()
            return made[0].instance(self._now)
        await self._hold(service)
        await self._change(
            f"create {service} {stamp.release}", lambda: made.append(self._make(service, stamp)), once=True
        )
        return made[0].instance(self._now)

    async def create_copies(self, definition: Definition, service: str) -> list[Instance]:
        stamp, wanted = self._stamps[definition.path], await self.copies(definition, service)
        self._may_create(service)
        made = [container for container in self._of(service) if container.stamp.rollout == stamp.rollout]
        await self._hold(service)
        while len(made) < wanted:
            effect = f"create {service} {stamp.release}"
            await self._change(effect, lambda: made.append(self._make(service, stamp)), once=True)
        return [container.instance(self._now) for container in made]

    async def _hold(self, service: str) -> None:
        await self.socket.reach()
        for old in self._of(service):
            old.hold(self._now)

    def _may_create(self, service: str) -> None:
        if error := self.refused.get(service):
            raise error("what its definition was made with has changed", service=service)

    async def resume(self, instance: str) -> None:
        await self.socket.reach()
        await self._begin(self._containers[instance])

    async def _begin(self, container: Container, *, once: bool = False) -> None:
        if not container.behaviour.starts:
            raise StartFailed("exec format error", service=container.service)
        if not container.runs(self._now):
            effect = f"start {container.service} {container.stamp.release}"
            await self._change(effect, lambda: self._run(container), once=once)

    def _run(self, container: Container) -> None:
        if not container.runs(self._now):
            container.start(self._now)
            container.files = self.mounted_by(container.service)

    async def find(self, service: str, *, rollout: str | None = None) -> list[Instance]:
        await self.socket.reach()
        instances = [c.instance(self._now) for c in self._of(service)]
        return [instance for instance in instances if rollout in {None, instance.rollout}]

    async def named(self, name: str) -> list[Instance]:
        await self.socket.reach()
        made = [c for c in self._containers.values() if c.labelled and not c.adopted]
        return [c.instance(self._now) for c in made if (role := self._role(c)) and role.is_uncolored(name)]

    def _role(self, container: Container) -> Role | None:
        return self._unproven.get(container.stamp.sha, {}).get(container.service)

    async def outside(self, service: str) -> list[Outsider]:
        await self.socket.reach()
        return list(self.outsiders.get(service, ()))

    async def inspect(self, instance: str) -> Instance:
        await self.socket.reach()
        container = self._containers.get(instance)
        return container.instance(self._now) if container else Instance(instance, service="", state="removed")

    async def check(self, instance: str, limit: float) -> CheckResult:
        await self.socket.reach()
        container, now = self._containers.get(instance), self._now
        if container is None or not container.runs(now):
            return CheckResult(False, f"it is {container.state(now) if container else 'removed'}")
        behaviour = container.behaviour
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

    async def _run_check(self, container: Container, limit: float) -> CheckResult:
        seconds, restarts, limit = (
            container.behaviour.check_seconds,
            container.restarts(self._now),
            min(limit, CHECK_LIMIT),
        )
        container.check_until = self._now + seconds
        await self._clock.sleep(min(seconds, limit))
        if seconds > limit:
            return CheckResult(False, f"the check did not end within {limit:g} s")
        if not container.runs(self._now) or container.restarts(self._now) > restarts:
            return CheckResult(False, "exit code 137")
        passed = container.would_pass(self._now)
        return CheckResult(passed, "exit code 0" if passed else f"exit code 1: {container.service} is not ready")

    async def stop(self, instance: str, grace: float) -> Instance:
        await self.socket.reach()
        container = self._containers.get(instance)
        if container is not None and container.runs(self._now):
            await self._stop(container, grace)
        elif container is not None:
            container.hold(self._now)
        return await self.inspect(instance)

    async def _stop(self, container: Container, grace: float) -> None:
        """The container ends at its time, even if the caller is cut off meanwhile."""
        effect = f"stop {container.service} {container.stamp.release}"
        if container.behaviour.silent:
            return
        if not container.behaviour.stops:
            await self._clock.sleep(grace)
            return
        if seconds := min(container.behaviour.stop_seconds, grace):
            await self._change(f"ask to {effect}", lambda: self._end_in(container, seconds), ends=container)
            await self._clock.sleep(max(0.0, (container.exits_at or 0) - self._now))
            await self._change(effect, lambda: container.settle(self._now))
            return
        await self._change(effect, lambda: self._end_in(container, 0), ends=container)

    def _end_in(self, container: Container, seconds: float) -> None:
        container.held = True
        if not seconds:
            container.end()
        elif container.runs(self._now):
            container.exits_at = container.exits_at or self._now + seconds

    async def remove(self, instance: str) -> None:
        await self.socket.reach()
        container = self._containers.get(instance)
        if container is None or container.adopted:
            return
        if container.runs(self._now):
            raise EngineFailed("it runs: stop it before it is removed")
        effect = f"remove {container.service} {container.stamp.release}"
        await self._change(effect, self._forgetting(container), ends=container)

    async def tail(self, instance: str, lines: int) -> list[str]:
        await self.socket.reach()
        container = self._containers[instance]
        return [f"{container.service} {container.stamp.release} was here"][-lines:]

    async def survey(self) -> Survey:
        seen = tuple(c.seen(self._now) for c in self._containers.values())
        return Survey(seen, 1000 * len(self.images), 0, {"engine": "in memory"}, None, None)

    async def cluster(self) -> Cluster | None:
        return self.machines

    async def refused_images(self) -> Mapping[str, str]:
        return {}

    async def prune(self, keep: Collection[str]) -> int:
        await self.socket.reach()
        old = [c for c in self._containers.values() if c.service in self._uncolored and c.stamp.sha not in keep]
        for container in [c for c in old if not c.runs(self._now)]:
            container.adopted = False
            await self.remove(container.id)
        gone = {(service, sha) for service, sha in self.images if sha not in keep}
        self.images -= gone
        await self.forget(keep)
        return 1000 * len(gone)
