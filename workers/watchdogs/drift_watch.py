"""Watches route, live color and bot between rollouts, and restores them."""

import asyncio
import itertools
from collections.abc import Callable, Sequence

import structlog

from app.domain import messages
from app.domain.errors import StaleWorker, UpdaterError
from app.domain.findings import Alarm
from app.domain.stack import Color, Singleton, Stack
from app.domain.state import State
from app.domain.step import PREFLIGHT
from workers.adoption import drift
from workers.control.reconcile import Reconciler
from workers.ports import Instance, Ports

LOOK_SECONDS = 2.0
LOOKS_AT_CONTAINERS = 3
"""At every so-manieth look: to ask the engine of each service costs more than to read one file."""

TRIES = 3
"""How often something that does not stay up is started again before it is only told: never make it worse."""

TOLD_SECONDS = 60.0
"""How long it is told that the live color ended and was started again: it is over before anybody can look."""

log = structlog.get_logger()


class DriftWatch:
    """Looks every LOOK_SECONDS. While a rollout runs it only tells; that puts things right by itself.

    What `beside` finds wrong is told with it.
    """

    def __init__(
        self, stack: Stack, ports: Ports, reconciler: Reconciler, beside: Callable[[], Sequence[Alarm]] = tuple
    ) -> None:
        self._stack = stack
        self._ports = ports
        self._reconciler = reconciler
        self._beside = beside
        self._tries: dict[str, int] = {}
        self._restarts: dict[str, tuple[str, int]] = {}
        self._restarted_at: dict[str, float] = {}
        self._of_containers: list[Alarm] = []

    async def run(self) -> None:
        """Until it is cancelled, or another worker has taken over."""
        for count in itertools.count():
            if self._reconciler.replaced:
                return
            try:
                await self.look(containers=count % LOOKS_AT_CONTAINERS == 0)
            except StaleWorker:
                return
            except UpdaterError as error:
                log.warning("the guard could not look", reason=str(error))
            except Exception:
                log.exception("the guard could not look; it looks again")
            await self._ports.clock.sleep(LOOK_SECONDS)

    async def look(self, *, containers: bool = True) -> None:
        """One look: what is wrong is told, and, where nothing is being rolled out, put right."""
        state = self._ports.journal.state
        if state.active_color is None:
            self._ports.publisher.alarms([*_not_adopted(self._reconciler), *self._beside()])
            return
        async with self._reconciler.quiet() as quiet:
            drifted = quiet and not await drift.stand(self._ports)
            moved = drifted and await drift.moved(self._stack, self._ports)
            of_the_route = [] if moved or (quiet and not drifted) else await self._route(fix=quiet)
            if containers and not moved:
                colors = await self._colors(state.active_color, fix=quiet or _waits_for_it(state))
                self._of_containers = [*colors, *await self._singletons(fix=quiet)]
        if moved:
            await self._reconciler.take_over_what_moved()
            self._of_containers, of_the_route = [], _not_adopted(self._reconciler)
        of_the_release = _of_the_release(self._ports.journal.state)
        self._ports.publisher.alarms([*of_the_release, *of_the_route, *self._of_containers, *self._beside()])

    async def _route(self, *, fix: bool) -> list[Alarm]:
        if fix:
            return await drift.put_right(self._ports)
        return [drift.shadowed(name, "It blocks the route file.") for name in await self._ports.route.strays()]

    async def _colors(self, color: Color, *, fix: bool) -> list[Alarm]:
        """The live color runs. The engine restarts what dies; what was stopped is started here, a few times."""
        alarms = []
        for service in (s.colors[color] for s in self._stack.routed):
            instances = await self._ports.engine.find(service)
            if running := next((i for i in instances if i.running), None):
                self._tries.pop(service, None)
                alarms += self._restarted(service, running)
                continue
            alarms.append(Alarm("live_color_down", f"{service} does not run, and your traffic goes there."))
            if fix and instances and self._tries.get(service, 0) < TRIES:
                self._tries[service] = self._tries.get(service, 0) + 1
                await self._ports.engine.resume(instances[0].id)
        return alarms

    def _restarted(self, service: str, instance: Instance) -> list[Alarm]:
        """What dies is started again by the engine within a second: only its count of restarts tells of it."""
        now, (known, before) = self._ports.clock.monotonic(), self._restarts.get(service, ("", 0))
        if known == instance.id and instance.restarts > before:
            self._restarted_at[service] = now
        self._restarts[service] = (instance.id, instance.restarts)
        if now - self._restarted_at.get(service, -TOLD_SECONDS) >= TOLD_SECONDS:
            return []
        return [Alarm("live_color_restarted", f"{service} ended, and the engine started it again. Look at its logs.")]

    async def _singletons(self, *, fix: bool) -> list[Alarm]:
        return [alarm for s in self._stack.singletons for alarm in await self._singleton(s, fix=fix)]

    async def _singleton(self, singleton: Singleton, *, fix: bool) -> Sequence[Alarm]:
        """None is told and left: somebody may have stopped it. Of two all but the one that is known are stopped."""
        running = [i for i in await self._ports.engine.find(singleton.service) if not i.gone]
        if not running and fix:
            text = f"{singleton.name} does not run. If nobody stopped it on purpose, start its container again."
            return [Alarm("singleton_gone", text)]
        if len(running) <= 1 or not fix:
            return []
        known, grace = _known(running), self._stack.times.stop_grace
        others = [i.id for i in running if i is not known]
        await asyncio.gather(*(self._ports.engine.stop(other, grace) for other in others))
        stopped = ", ".join(other[:12] for other in others)
        text = f"{len(running)} of {singleton.name} ran at once; {stopped} was stopped. Who started it?"
        return [Alarm("singleton_doubled", text)]


def _not_adopted(reconciler: Reconciler) -> list[Alarm]:
    refused = reconciler.refused
    return [Alarm("not_adopted", messages.not_adopted(refused))] if refused else []


def _waits_for_it(state: State) -> bool:
    """A rollout that has only looked so far waits for the live color to be well."""
    return state.rollout is not None and state.rollout.running == PREFLIGHT


def _of_the_release(state: State) -> list[Alarm]:
    if state.current is None or not state.is_unwell:
        return []
    return [Alarm("cannot_roll_back", messages.unwell(state.current.tag))]


def _known(running: Sequence[Instance]) -> Instance:
    """The one that a rollout made; of several the oldest, for a newer one was started beside it."""
    ours = [i for i in running if i.rollout is not None]
    return (ours or running)[-1]
