"""The bake: watches the new color while it has the traffic and the old one stays warm."""

from collections.abc import Awaitable, Callable
from functools import partial

from app.domain.errors import BakeFailed, UpdaterError
from app.domain.routing.probe_request import ProbeRequest, all_route_requests, direct_request
from app.domain.stack import RoutedService
from app.task_group import task_group
from workers.ports import Instance
from workers.rollout.checks import client_traffic
from workers.rollout.checks.advice import asked_path
from workers.rollout.checks.health import PROBE_INTERVAL, ask_route, copy_name, with_tail
from workers.rollout.run import Run
from workers.rollout.step import Evidence
from workers.rollout.subjects import copies_of, instances_of

STRIKES = 2
"""Consecutive failed probes of one route or copy that end the bake. A single failure may be a hiccup of the probe."""


class Bake:
    """The bake: probes every route and inspects every instance until `until` (monotonic seconds).

    Of a service with several copies, each is probed directly too: a route answers for one of them at a time.
    """

    def __init__(self, run: Run, instances: list[Instance], until: float) -> None:
        self._run = run
        self._instances = instances
        self._until = until
        self.requests = 0
        self.errors = 0
        self.slowest = 0.0

    def watchers(self) -> list[Callable[[], Awaitable[None]]]:
        asked = all_route_requests(self._run.stack)
        copies = [
            (service, copy) for service in self._run.stack.routed if len(of := self._copies(service)) > 1 for copy in of
        ]
        return [
            *(partial(self._watch_route, *each) for each in asked),
            *(partial(self._watch_copy, *each) for each in copies),
            self._watch_instances,
        ]

    def _copies(self, service: RoutedService) -> list[Instance]:
        return [i for i in self._instances if i.service == service.colors[self._run.target]]

    async def _watch_route(self, service: RoutedService, request: ProbeRequest) -> None:
        strikes, clock = 0, self._run.ports.clock
        while clock.monotonic() < self._until:
            answer = await ask_route(self._run, service, request)
            self.requests += 1
            self.slowest = max(self.slowest, answer.seconds)
            good = answer.ok and answer.rollout == self._run.rollout.id
            strikes = 0 if good else strikes + 1
            self.errors += not good
            if strikes >= STRIKES:
                detail = f"{asked_path(request)} answered {answer}, {strikes} times in a row"
                raise BakeFailed(detail, service=service.name)
            if good:
                await clock.sleep(PROBE_INTERVAL)

    async def _watch_copy(self, service: RoutedService, copy: Instance) -> None:
        """Asks the copy itself. If it does not run, `_watch_instances` says so."""
        strikes, clock, checks = 0, self._run.ports.clock, self._run.stack.checks
        while clock.monotonic() < self._until:
            now = await self._run.ports.engine.inspect(copy.id)
            if now.address is not None:
                answer = await self._run.ports.probe.ask(direct_request(self._run.stack.traefik, service, now.address))
                strikes = 0 if answer.ok else strikes + 1
                if strikes >= STRIKES:
                    path = service.health.path
                    detail = f"{path} of {copy_name(now)} answered {answer}, {strikes} times in a row"
                    raise await with_tail(self._run, BakeFailed, service.name, detail, now)
            await clock.sleep(min(checks.interval, PROBE_INTERVAL) if strikes else checks.interval)

    async def _watch_instances(self) -> None:
        clock = self._run.ports.clock
        while clock.monotonic() < self._until:
            for before in self._instances:
                now = await self._run.ports.engine.inspect(before.id)
                if not now.running or now.restarts > before.restarts or now.health == "unhealthy":
                    seen = f"its container {copy_name(before)} is {now.state}, {now.restarts} restarts"
                    detail = f"{seen}, its own check says {now.health or 'nothing'}"
                    raise await with_tail(self._run, BakeFailed, before.service, detail, now)
            await clock.sleep(PROBE_INTERVAL)


async def bake(run: Run) -> Evidence:
    """Watches routes, instances and answers to clients for `times.bake`, while the old color stays warm."""
    until = run.ports.clock.monotonic() + run.stack.times.bake
    watch = Bake(run, await _watched(run), until)
    try:
        async with task_group() as group:
            for watcher in watch.watchers():
                group.create_task(watcher())  # type: ignore[arg-type]
            group.create_task(client_traffic.watch(run, until))
    except ExceptionGroup as errors:  # not except*: what that raises is a group again before Python 3.11.4
        cause = _first(errors)
        if isinstance(cause, UpdaterError):
            cause.evidence = _evidence(watch, run)
        raise cause from None
    return _evidence(watch, run)


def _evidence(watch: Bake, run: Run) -> Evidence:
    probes = {"requests": watch.requests, "errors": watch.errors, "slowest_ms": round(watch.slowest * 1000, 1)}
    return {**probes, "traffic": run.traffic.evidence()}


async def _watched(run: Run) -> list[Instance]:
    colored = [copy for service in run.stack.routed for copy in await copies_of(run, service, BakeFailed)]
    others = await instances_of(run, list(run.stack.uncolored))
    return [*colored, *(i for i in others if i.running)]


def _first(errors: ExceptionGroup[Exception]) -> Exception:
    """The first UpdaterError of the group; the group itself if it has none."""
    return next((error for error in errors.exceptions if isinstance(error, UpdaterError)), errors)
