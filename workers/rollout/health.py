"""Checks the health of routed services: directly, through Traefik, and during the bake."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self
from urllib.parse import urlsplit

from app.domain.errors import BakeFailed, Interrupted, NeverHealthy, RoutedUnhealthy, UpdaterError
from app.domain.routing.probe_request import ProbeRequest, all_route_requests, direct_request, route_requests
from app.domain.stack import RoutedService, Stack
from workers.ports import Answer, Definition, Instance
from workers.rollout import one_version
from workers.rollout.run import Run
from workers.routing.confirm import confirm_routes

BAKE_INTERVAL = 0.2
BAKE_STRIKES = 2
"""Consecutive failed probes of one route that end the bake. A single failure may be a hiccup of the probe itself."""
FIRST_PASS_INTERVAL = 0.2
"""Seconds between checks of a copy that does not pass yet, if `checks/interval` is longer. Refusals are cheap."""
TAIL_LINES = 20
BAD_REQUEST = 400


class NewColor:
    """The copies of the new color. One call starts all of them, and the waits for their direct health run in parallel.

    The copies pass at different moments, so all are checked once more after the last one has passed, and the files of
    the live directory that they, and what moves after the flip, mount. Leaving the context cancels every open wait.
    """

    def __init__(self, run: Run, definition: Definition) -> None:
        self._run, self._definition = run, definition
        self._instances: dict[str, Instance] = {}
        self._waits: dict[str, asyncio.Task[dict[str, Any]]] = {}
        self._away_before = 0
        self._services: list[str] = []
        self._files: Mapping[str, str] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for wait in self._waits.values():
            wait.cancel()
        await asyncio.gather(*self._waits.values(), return_exceptions=True)

    async def start(self, service: RoutedService) -> Instance:
        """Returns the running copy of the service; the first call starts all copies. Raises StartFailed."""
        if not self._instances:
            routed, color, engine = self._run.stack.routed, self._run.target, self._run.ports.engine
            self._away_before = engine.times_away
            self._services = [s.colors[color] for s in routed]
            self._files = await one_version.as_defined(self._run, self._definition, self._services)
            started = await engine.start(self._definition, self._services)
            for each, instance in zip(routed, started, strict=True):
                self._instances[each.name] = instance
                self._waits[each.name] = asyncio.create_task(self._wait(each, instance))
        return self._instances[service.name]

    async def healthy(self, service: RoutedService) -> dict[str, Any]:
        """Waits until the service's copy is healthy.

        Raises NeverHealthy, FilesChanged; Interrupted if the engine was unavailable.
        """
        evidence = await self._waits[service.name]
        if service == self._run.stack.routed[-1]:
            await self._confirm()
        return evidence

    async def _confirm(self) -> None:
        for service in self._run.stack.routed:
            instance = self._instances[service.name]
            if not (await _look(self._run, service, instance)).passed:
                await self._wait(service, instance)
        now = await one_version.as_defined(self._run, self._definition, self._services)
        one_version.same(self._files, now)
        others = [service for service in self._run.stack.services(self._run.target) if service not in self._services]
        await one_version.as_defined(self._run, self._definition, others)

    async def _wait(self, service: RoutedService, instance: Instance) -> dict[str, Any]:
        """Detects here that the engine was unavailable: the step that reads the result may begin only afterwards."""
        try:
            return await wait_healthy(self._run, service, instance)
        except UpdaterError as error:
            if self._run.ports.engine.times_away > self._away_before:
                raise Interrupted(f"the Docker Engine was unavailable: {error}") from error
            raise


async def wait_healthy(run: Run, service: RoutedService, instance: Instance) -> dict[str, Any]:
    """Waits for direct health: the health path answers `passes` times in a row at the copy's own address.

    The engine runs the container's own check on its own schedule, often half a minute apart. Its verdict counts only
    if it is `unhealthy`: then no answer passes. The wait continues, because that verdict may be one interval old.

    Raises NeverHealthy with the last lines of the instance's output.
    """
    checks, clock = run.stack.checks, run.ports.clock
    deadline = clock.monotonic() + run.stack.times.health
    latencies: list[float] = []
    while True:
        look = await _look(run, service, instance)
        latencies = [*latencies, round(look.seconds * 1000, 1)] if look.passed else []
        if len(latencies) >= checks.passes:
            return {"passes": len(latencies), "latency_ms": latencies, "own_check": look.own_check}
        if look.ended or clock.monotonic() >= deadline:
            in_a_row = f"passed {len(latencies)} of {checks.passes} times in a row, " if look.passed else ""
            limit = f"{in_a_row}times/health is {run.stack.times.health:g} s"
            raise await _with_tail(run, NeverHealthy, service.name, f"{look.seen} ({limit})", instance)
        await clock.sleep(checks.interval if look.passed else min(checks.interval, FIRST_PASS_INTERVAL))


@dataclass(frozen=True)
class _Look:
    """The result of one check of a copy. `ended`: it stopped or restarted, and cannot pass. `seen` is for people."""

    passed: bool
    seen: str
    ended: bool = False
    seconds: float = 0.0
    own_check: str | None = None


async def _look(run: Run, service: RoutedService, instance: Instance) -> _Look:
    now = await run.ports.engine.inspect(instance.id)
    if not now.running or now.restarts > 0:
        seen = f"its container is {now.state}, exit code {now.exit_code}, {now.restarts} restarts"
        return _Look(False, seen, ended=True)
    if now.address is None:
        return _Look(False, _unreachable(service, now))
    answer = await run.ports.probe.ask(direct_request(run.stack.traefik, service, now.address))
    seen = f"{service.health.path} answered {answer}{_advice(answer)}, its own check says {now.health or 'nothing'}"
    passed = answer.ok and now.health != "unhealthy"
    return _Look(passed, seen, seconds=answer.seconds, own_check=now.health)


async def confirm_route(run: Run, rollout: str, stack: Stack) -> None:
    """Waits until every route of `stack` answers with `rollout`: Traefik then uses the new file.

    Raises RouteNotConfirmed.
    """
    await confirm_routes(stack, run.ports.clock, run.ports.route, rollout, partial(_ask_route, run))


async def wait_routed(run: Run, service: RoutedService) -> dict[str, Any]:
    """Waits for health through Traefik, with answers that carry this rollout's id. Raises RoutedUnhealthy."""
    asked = route_requests(run.stack, service)
    latencies = await asyncio.gather(*(_wait_routed(run, service, request) for request in asked))
    return {"latency_ms": [each for route in latencies for each in route]}


async def _wait_routed(run: Run, service: RoutedService, request: ProbeRequest) -> list[float]:
    checks, clock = run.stack.checks, run.ports.clock
    deadline = clock.monotonic() + run.stack.times.route
    latencies: list[float] = []
    while len(latencies) < checks.passes:
        answer = await _ask_route(run, service, request)
        mine = answer.ok and answer.rollout == run.rollout.id
        latencies = [*latencies, round(answer.seconds * 1000, 1)] if mine else []
        if not mine and clock.monotonic() > deadline:
            raise RoutedUnhealthy(f"{_asked(request)} answered {answer}{_advice(answer)}", service=service.name)
        await clock.sleep(min(checks.interval, BAKE_INTERVAL))
    return latencies


async def _ask_route(run: Run, service: RoutedService, request: ProbeRequest) -> Answer:
    """Probes the route. Traefik counts the probe too, so it is recorded as a request that no client made."""
    answer = await run.ports.probe.ask(request)
    if answer.rollout == run.rollout.id:
        run.traffic.probed(service.name, answer.status)
    return answer


def _unreachable(service: RoutedService, instance: Instance) -> str:
    """Why the worker has no address for a running container, and what to write."""
    networks = ", ".join(instance.addresses) or "none"
    if service.network is not None:
        return f"it is in {networks}, but not in {service.network}: correct routed/{service.name}/network"
    return (
        f"the worker is in none of its networks ({networks}): put the worker's container into one of them, or give the "
        "service a network that both are in"
    )


def _asked(request: ProbeRequest) -> str:
    """The path of the request, with the name that was asked for if it is not the address's own."""
    path = urlsplit(request.url).path
    return f"{path} of {request.host}" if request.host else path


def _advice(answer: Answer) -> str:
    """What to write if a healthy service may answer so to the updater."""
    if answer.location:
        return ". Redirects are not followed: set health/headers or health/status"
    return ". If it answers clients, set health/host or health/headers" if answer.status == BAD_REQUEST else ""


class Bake:
    """The bake: probes every route and inspects every instance until `until` (monotonic seconds)."""

    def __init__(self, run: Run, instances: list[Instance], until: float) -> None:
        self._run = run
        self._instances = instances
        self._until = until
        self.requests = 0
        self.errors = 0
        self.slowest = 0.0

    def watchers(self) -> list[Callable[[], Awaitable[None]]]:
        asked = all_route_requests(self._run.stack)
        return [*(partial(self._watch_route, *each) for each in asked), self._watch_instances]

    async def _watch_route(self, service: RoutedService, request: ProbeRequest) -> None:
        strikes, clock = 0, self._run.ports.clock
        while clock.monotonic() < self._until:
            answer = await _ask_route(self._run, service, request)
            self.requests += 1
            self.slowest = max(self.slowest, answer.seconds)
            good = answer.ok and answer.rollout == self._run.rollout.id
            strikes = 0 if good else strikes + 1
            self.errors += not good
            if strikes >= BAKE_STRIKES:
                detail = f"{_asked(request)} answered {answer}, {strikes} times in a row"
                raise BakeFailed(detail, service=service.name)
            if good:
                await clock.sleep(BAKE_INTERVAL)

    async def _watch_instances(self) -> None:
        clock = self._run.ports.clock
        while clock.monotonic() < self._until:
            for before in self._instances:
                now = await self._run.ports.engine.inspect(before.id)
                if not now.running or now.restarts > before.restarts or now.health == "unhealthy":
                    seen = f"its container is {now.state}, {now.restarts} restarts"
                    detail = f"{seen}, its own check says {now.health or 'nothing'}"
                    raise await _with_tail(self._run, BakeFailed, now.service, detail, now)
            await clock.sleep(BAKE_INTERVAL)


async def _with_tail(run: Run, kind: type[UpdaterError], service: str, detail: str, instance: Instance) -> UpdaterError:
    """The error with the instance's last lines; without them if they cannot be read."""
    try:
        lines = await run.ports.engine.tail(instance.id, TAIL_LINES)
    except UpdaterError:
        lines = []
    return kind(detail, service=service, last_lines=lines)
