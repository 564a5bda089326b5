"""Is it well? Directly, through Traefik, and over time."""

from collections.abc import Awaitable, Callable
from typing import Any

from app.domain.errors import BakeFailed, NeverHealthy, RoutedUnhealthy, RouteNotConfirmed, UpdaterError
from app.domain.stack import RoutedService, Stack
from workers.ports import Answer, Clock, Instance
from workers.run import Run

CONFIRM_INTERVAL = 0.02
BAKE_INTERVAL = 0.2
BAKE_STRIKES = 2
"""How many failed probes of one route in a row end the bake: one may be a hiccup of the probe itself."""
READY_INTERVAL = 0.2
SETTLE_SECONDS = 3.0
"""How long a singleton without a health check of its own has to run before it counts as ready."""
TAIL_LINES = 20


async def wait_healthy(run: Run, service: RoutedService, instance: Instance) -> dict[str, Any]:
    """Direct health: HTTP at its own address, `passes` in a row, and the engine's own check where there is one.

    Raises NeverHealthy with the last lines that the instance wrote.
    """
    checks, clock = run.stack.checks, run.ports.clock
    deadline = clock.monotonic() + run.stack.times.health
    latencies: list[float] = []
    seen = "no check was made"
    while clock.monotonic() < deadline:
        now = await run.ports.engine.inspect(instance.id)
        if not now.running or now.restarts > 0:
            seen = f"it is {now.state}, exit code {now.exit_code}, {now.restarts} restarts"
            break
        answer = await run.ports.probe.get(f"http://{now.address}:{service.port}{service.health}")
        passed = answer.ok and now.health in {None, "healthy"}
        latencies = [*latencies, round(answer.seconds * 1000, 1)] if passed else []
        if len(latencies) >= checks.passes:
            return {"passes": len(latencies), "latency_ms": latencies, "own_check": now.health}
        seen = f"{service.health} answered {answer}, its own check says {now.health or 'nothing'}"
        await clock.sleep(checks.interval)
    raise await _with_tail(
        run, NeverHealthy, service.name, f"{seen} (times/health is {run.stack.times.health:g} s)", instance
    )


async def confirm_route(run: Run, rollout: str) -> None:
    """Every route answers with `rollout`: Traefik has taken the file over. Raises RouteNotConfirmed."""
    await confirm_routes(run.stack, run.ports.clock, rollout, lambda service: _ask_route(run, service))


async def confirm_routes(
    stack: Stack, clock: Clock, rollout: str, ask: Callable[[RoutedService], Awaitable[Answer]]
) -> None:
    """Every route that `ask` asks answers with `rollout` within `times.route`. Raises RouteNotConfirmed."""
    deadline = clock.monotonic() + stack.times.route
    waiting = {s.name: s for s in stack.routed}
    answer: Answer | None = None
    while waiting:
        for service in tuple(waiting.values()):
            answer = await ask(service)
            if answer.rollout == rollout:
                del waiting[service.name]
        if waiting and clock.monotonic() > deadline:
            header = stack.traefik.rollout_header
            detail = f"within {stack.times.route:.0f} s; last answer: {answer}, {header}: {answer and answer.rollout}"
            raise RouteNotConfirmed(detail, service=", ".join(waiting))
        if waiting:
            await clock.sleep(CONFIRM_INTERVAL)


async def wait_routed(run: Run, service: RoutedService) -> dict[str, Any]:
    """Health through Traefik, proven to come from this rollout's color. Raises RoutedUnhealthy."""
    checks, clock = run.stack.checks, run.ports.clock
    deadline = clock.monotonic() + run.stack.times.route
    latencies: list[float] = []
    while len(latencies) < checks.passes:
        answer = await _ask_route(run, service)
        mine = answer.ok and answer.rollout == run.rollout.id
        latencies = [*latencies, round(answer.seconds * 1000, 1)] if mine else []
        if not mine and clock.monotonic() > deadline:
            raise RoutedUnhealthy(f"{service.health} answered {answer}", service=service.name)
        await clock.sleep(min(checks.interval, BAKE_INTERVAL))
    return {"latency_ms": latencies}


async def wait_ready(run: Run, instance: Instance) -> Instance | None:
    """The singleton's instance once it is ready; None when it is not within `times.ready`, or ended before."""
    clock = run.ports.clock
    started = clock.monotonic()
    while clock.monotonic() - started < run.stack.times.ready:
        now = await run.ports.engine.inspect(instance.id)
        if not now.running or now.restarts > 0:
            return None
        settled = now.health is None and clock.monotonic() - started >= SETTLE_SECONDS
        if now.health == "healthy" or settled:
            return now
        await clock.sleep(READY_INTERVAL)
    return None


async def _ask_route(run: Run, service: RoutedService) -> Answer:
    """What this rollout's route answers is counted by Traefik too, and is no client's."""
    answer = await run.ports.probe.get(run.stack.route_url(service))
    if answer.rollout == run.rollout.id:
        run.traffic.probed(service.name, answer.status)
    return answer


class Watch:
    """The bake: every route is probed and every instance looked at until `until` (monotonic seconds)."""

    def __init__(self, run: Run, instances: list[Instance], until: float) -> None:
        self._run = run
        self._instances = instances
        self._until = until
        self.requests = 0
        self.errors = 0
        self.slowest = 0.0

    def watchers(self) -> list[Callable[[], Awaitable[None]]]:
        routes = [self._route_watcher(service) for service in self._run.stack.routed]
        return [*routes, self._watch_instances]

    def _route_watcher(self, service: RoutedService) -> Callable[[], Awaitable[None]]:
        async def watch() -> None:
            await self._watch_route(service)

        return watch

    async def _watch_route(self, service: RoutedService) -> None:
        strikes, clock = 0, self._run.ports.clock
        while clock.monotonic() < self._until:
            answer = await _ask_route(self._run, service)
            self.requests += 1
            self.slowest = max(self.slowest, answer.seconds)
            good = answer.ok and answer.rollout == self._run.rollout.id
            strikes = 0 if good else strikes + 1
            self.errors += not good
            if strikes >= BAKE_STRIKES:
                raise BakeFailed(f"{service.health} answered {answer}, {strikes} times in a row", service=service.name)
            if good:
                await clock.sleep(BAKE_INTERVAL)

    async def _watch_instances(self) -> None:
        clock = self._run.ports.clock
        while clock.monotonic() < self._until:
            for before in self._instances:
                now = await self._run.ports.engine.inspect(before.id)
                if not now.running or now.restarts > before.restarts or now.health == "unhealthy":
                    detail = f"it is {now.state}, {now.restarts} restarts, its own check says {now.health or 'nothing'}"
                    raise await _with_tail(self._run, BakeFailed, now.service, detail, now)
            await clock.sleep(BAKE_INTERVAL)


async def _with_tail(run: Run, kind: type[UpdaterError], service: str, detail: str, instance: Instance) -> UpdaterError:
    """The error with the instance's last lines; the error itself matters more than they do."""
    try:
        lines = await run.ports.engine.tail(instance.id, TAIL_LINES)
    except UpdaterError:
        lines = []
    return kind(detail, service=service, last_lines=lines)
