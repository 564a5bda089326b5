"""Checks the health of routed services: directly and through Traefik."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from app.domain.errors import Interrupted, NeverHealthy, RoutedUnhealthy, UpdaterError
from app.domain.routing.probe_request import ProbeRequest, direct_request, route_requests
from app.domain.stack import RoutedService, Stack
from workers.ports import Answer, Definition, Instance
from workers.rollout import one_version
from workers.rollout.checks.advice import advice, asked_path, by_a_middleware, direct_advice, unreachable
from workers.rollout.run import Run
from workers.routing.confirm import confirm_routes

PROBE_INTERVAL = 0.2
"""Seconds between probes of a route."""
FIRST_PASS_INTERVAL = 0.2
"""Seconds between checks of a copy that does not pass yet, if `checks/interval` is longer. Refusals are cheap."""
TAIL_LINES = 20
ID_SHOWN = 12


class NewColor:
    """The copies of the new color. One call starts all of them, and the waits for their direct health run in parallel.

    The copies pass at different moments, so all are checked once more after the last one has passed, and the files of
    the live directory that they, and what moves after the flip, mount. Leaving the context cancels every open wait.
    """

    def __init__(self, run: Run, definition: Definition) -> None:
        self._run, self._definition = run, definition
        self._copies: dict[str, tuple[Instance, ...]] = {}
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

    async def start(self, service: RoutedService) -> tuple[Instance, ...]:
        """Returns the copies of the service; the first call starts those of all services. Raises StartFailed."""
        if not self._copies:
            routed, color, engine = self._run.stack.routed, self._run.target, self._run.ports.engine
            self._away_before = engine.times_away
            self._services = [s.colors[color] for s in routed]
            self._files = await one_version.as_defined(self._run, self._definition, self._services)
            started = await engine.start(self._definition, self._services)
            for each in routed:
                copies = tuple(i for i in started if i.service == each.colors[color])
                self._copies[each.name] = copies
                self._waits[each.name] = asyncio.create_task(self._wait(each, copies))
        return self._copies[service.name]

    async def healthy(self, service: RoutedService) -> dict[str, Any]:
        """Waits until each copy of the service is healthy.

        Raises NeverHealthy, FilesChanged; Interrupted if the engine was unavailable.
        """
        evidence = await self._waits[service.name]
        if service == self._run.stack.routed[-1]:
            await self._confirm()
        return evidence

    async def _confirm(self) -> None:
        for service in self._run.stack.routed:
            copies = self._copies[service.name]
            if not all([(await look(self._run, service, copy)).passed for copy in copies]):
                await self._wait(service, copies)
        now = await one_version.as_defined(self._run, self._definition, self._services)
        one_version.same(self._files, now)
        others = [service for service in self._run.stack.services(self._run.target) if service not in self._services]
        await one_version.as_defined(self._run, self._definition, others)

    async def _wait(self, service: RoutedService, copies: Sequence[Instance]) -> dict[str, Any]:
        """Detects here that the engine was unavailable: the step that reads the result may begin only afterwards."""
        try:
            return await wait_all_healthy(self._run, service, copies)
        except UpdaterError as error:
            if self._run.ports.engine.times_away > self._away_before:
                raise Interrupted(f"the Docker Engine was unavailable: {error}") from error
            raise


async def wait_all_healthy(run: Run, service: RoutedService, copies: Sequence[Instance]) -> dict[str, Any]:
    """Waits for direct health of each copy, all at once. Raises NeverHealthy for the first one that cannot pass."""
    waits = [asyncio.create_task(wait_healthy(run, service, copy, of=len(copies))) for copy in copies]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_EXCEPTION)
        found = [wait.result() for wait in sorted(waits, key=lambda wait: not wait.done())]
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    return {**found[0], "copies": len(found), "latency_ms": [ms for each in found for ms in each["latency_ms"]]}


async def wait_healthy(run: Run, service: RoutedService, instance: Instance, *, of: int = 1) -> dict[str, Any]:
    """Waits for direct health: the health path answers `passes` times in a row at the copy's own address.

    The engine runs the container's own check on its own schedule, often half a minute apart. Its verdict counts only
    if it is `unhealthy`: then no answer passes. The wait continues, because that verdict may be one interval old.

    `of`: how many copies the service has. Raises NeverHealthy with the last lines of the instance's output.
    """
    checks, clock = run.stack.checks, run.ports.clock
    deadline = clock.monotonic() + run.stack.times.health
    latencies: list[float] = []
    while True:
        seen = await look(run, service, instance)
        latencies = [*latencies, round(seen.seconds * 1000, 1)] if seen.passed else []
        if len(latencies) >= checks.passes:
            return {"passes": len(latencies), "latency_ms": latencies, "own_check": seen.own_check}
        if seen.ended or clock.monotonic() >= deadline:
            in_a_row = f"passed {len(latencies)} of {checks.passes} times in a row, " if seen.passed else ""
            limit = f"{in_a_row}times/health is {run.stack.times.health:g} s"
            which = f"of {of} copies, {copy_name(instance)} is not healthy: " if of > 1 else ""
            raise await with_tail(run, NeverHealthy, service.name, f"{which}{seen.seen} ({limit})", instance)
        await clock.sleep(checks.interval if seen.passed else min(checks.interval, FIRST_PASS_INTERVAL))


@dataclass(frozen=True)
class Look:
    """The result of one check of a copy. `ended`: it stopped or restarted, and cannot pass. `seen` is for people."""

    passed: bool
    seen: str
    ended: bool = False
    seconds: float = 0.0
    own_check: str | None = None


async def look(run: Run, service: RoutedService, instance: Instance) -> Look:
    """Checks the copy once."""
    now = await run.ports.engine.inspect(instance.id)
    if not now.running or now.restarts > 0:
        seen = f"its container is {now.state}, exit code {now.exit_code}, {now.restarts} restarts"
        return Look(False, seen, ended=True)
    if now.address is None:
        return Look(False, unreachable(service, now))
    answer = await run.ports.probe.ask(direct_request(run.stack.traefik, service, now.address))
    said = f"{answer}{direct_advice(answer, service, now)}"
    seen = f"{service.health.path} answered {said}, its own check says {now.health or 'nothing'}"
    passed = answer.ok and now.health != "unhealthy"
    return Look(passed, seen, seconds=answer.seconds, own_check=now.health)


async def confirm_route(run: Run, rollout: str, stack: Stack) -> None:
    """Waits until every route of `stack` answers with `rollout`: Traefik then uses the new file.

    Raises RouteNotConfirmed.
    """
    await confirm_routes(stack, run.ports.clock, run.ports.route, rollout, partial(ask_route, run))


async def wait_routed(run: Run, service: RoutedService) -> dict[str, Any]:
    """Waits for health through Traefik, with answers that carry this rollout's id. Raises RoutedUnhealthy.

    Warns of each route at which a middleware answered the question for the health path: that proves no copy.
    """
    asked = route_requests(run.stack, service)
    found = await asyncio.gather(*(_wait_routed(run, service, request) for request in asked))
    for request, (_, answer) in zip(asked, found, strict=True):
        if request.accepted and answer.status not in request.accepted:
            text = by_a_middleware(service, request, answer)
            await run.record(lambda r, text=text: r.warn(text))  # type: ignore[misc]
    return {"latency_ms": [each for latencies, _ in found for each in latencies]}


async def _wait_routed(run: Run, service: RoutedService, request: ProbeRequest) -> tuple[list[float], Answer]:
    """The times of the answers that passed, in ms, and the last one."""
    checks, clock = run.stack.checks, run.ports.clock
    deadline = clock.monotonic() + run.stack.times.route
    latencies: list[float] = []
    while True:
        answer = await ask_route(run, service, request)
        mine = answer.ok and answer.rollout == run.rollout.id
        latencies = [*latencies, round(answer.seconds * 1000, 1)] if mine else []
        if not mine and clock.monotonic() > deadline:
            raise RoutedUnhealthy(f"{asked_path(request)} answered {answer}{advice(answer)}", service=service.name)
        await clock.sleep(min(checks.interval, PROBE_INTERVAL))
        if len(latencies) >= checks.passes:
            return latencies, answer


async def ask_route(run: Run, service: RoutedService, request: ProbeRequest) -> Answer:
    """Probes the route. Traefik counts the probe too, so it is recorded as a request that no client made."""
    answer = await run.ports.probe.ask(request)
    if answer.rollout == run.rollout.id:
        run.traffic.probed(service.name, answer.status)
    return answer


def copy_name(instance: Instance) -> str:
    """The copy for people: the name of its container if that is known."""
    return instance.host or instance.id[:ID_SHOWN]


async def with_tail(run: Run, kind: type[UpdaterError], service: str, detail: str, instance: Instance) -> UpdaterError:
    """The error with the instance's last lines; without them if they cannot be read."""
    try:
        lines = await run.ports.engine.tail(instance.id, TAIL_LINES)
    except UpdaterError:
        lines = []
    return kind(detail, service=service, last_lines=lines)
