"""Watches route, live color, bot and followers between rollouts, and restores what it can."""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence

from app.domain.engine_commands import commands_of
from app.domain.errors import EngineFailed, RouteNotConfirmed
from app.domain.findings import Alarm
from app.domain.notices import messages
from app.domain.stack import Color, Singleton, Stack
from app.domain.state import State
from app.domain.step import PREFLIGHT
from workers.adoption import drift
from workers.control.reconcile import Reconciler
from workers.ports import Instance, Ports
from workers.watchdogs.follower_watch import FollowerWatch
from workers.watchdogs.live_answers import LiveAnswers
from workers.watchdogs.live_copies import OF_COPIES, LiveCopies
from workers.watchdogs.repeat import repeat

LOOK_SECONDS = 2.0
LOOKS_AT_CONTAINERS = 3
"""Every how many looks to check the containers: that costs more than reading the route file."""

LOOKS_AT_ANSWERS = 5
"""Every how many looks to ask the routes as clients do."""

ROUTE_UNCLEAR = (
    "The routes were changed, and something answers your clients. The Docker Engine failed ({}), so the updater cannot "
    "check whether another program rolled out a release. It left the routes as they are; traffic follows them. Check "
    "the engine with {}."
)
ROUTE_NOT_RESTORED = (
    "The routes do not lead to the live color, and the updater cannot restore them: {}. Clients may get errors. Fix "
    "this cause; the updater keeps retrying."
)
ROUTES_UNKNOWN = (
    "The live release has none of the routed services that the stack file names. Its routes stay as they are, and no "
    "release goes live. Add one of its routed services to the stack file until the next release is live, and restart "
    "the worker."
)
ENGINE_SILENT = (
    "The updater cannot check the containers, because the Docker Engine failed: {}. Traffic continues while the "
    "containers run; the updater does not restart a stopped one. Check the engine with {}."
)

SINGLETON_SILENT = (
    "{0} does not answer, and {1} may still run there, also if another one was started elsewhere. No release replaces "
    "it until {0} answers. Bring {0} back, or shut it down. `singletons/{1}/node` in stack.yml keeps {1} on one node."
)


class DriftWatch:
    """Looks every LOOK_SECONDS. While a rollout runs it only reports, because the rollout corrects the state itself.

    The watch also reports the alarms of `beside`.
    """

    def __init__(
        self, stack: Stack, ports: Ports, reconciler: Reconciler, beside: Callable[[], Sequence[Alarm]] = tuple
    ) -> None:
        self._whole = self._stack = stack
        self._commands = commands_of(stack)
        self._ports = ports
        self._reconciler = reconciler
        self._beside = beside
        self._copies = LiveCopies(stack, ports)
        self._followers = FollowerWatch(stack, ports)
        self._answers = LiveAnswers(ports)
        self._of_containers: list[Alarm] = []
        self._of_answers: list[Alarm] = []

    async def run(self) -> None:
        """Runs until it is cancelled, or another worker has taken over."""
        looks = itertools.count()
        await repeat(
            lambda: self._look(next(looks)),
            "the drift watch could not look",
            every=LOOK_SECONDS,
            clock=self._ports.clock,
            replaced=lambda: self._reconciler.replaced,
        )

    async def _look(self, number: int) -> None:
        await self.look(containers=number % LOOKS_AT_CONTAINERS == 0, answers=number % LOOKS_AT_ANSWERS == 0)

    async def look(self, *, containers: bool = True, answers: bool = True) -> None:
        """Looks once: reports what is wrong, and corrects it if no rollout runs."""
        state = self._ports.journal.state
        self._stack = await drift.live_stack(self._whole, self._ports)
        if state.active_color is None:
            self._ports.publisher.alarms([*_not_adopted(self._reconciler), *self._beside()])
            return
        async with self._reconciler.quiet() as quiet:
            of_the_route = await self._route(fix=quiet)
            if containers and of_the_route is not None:
                self._of_containers = await self._containers(state, state.active_color, fix=quiet)
            if of_the_route != [] or not quiet:
                self._of_answers = []
            elif answers and state.route_id is not None:
                alarmed = {alarm.kind for alarm in self._of_containers}
                self._of_answers = await self._answers.alarms(
                    self._stack, state.route_id, copies_run=alarmed.isdisjoint(OF_COPIES)
                )
        if of_the_route is None:
            await self._reconciler.take_over_what_moved()
            self._of_containers, of_the_route = [], _not_adopted(self._reconciler)
        of_the_release = _of_the_release(self._ports.journal.state)
        of_the_stack = [*self._of_answers, *self._of_containers]
        self._ports.publisher.alarms([*of_the_release, *of_the_route, *of_the_stack, *self._beside()])

    async def _route(self, *, fix: bool) -> list[Alarm] | None:
        """What is wrong with the routes; None if another program moved them: then they stay until the adoption."""
        if not self._stack.routed:
            return [Alarm("routes_unknown", ROUTES_UNKNOWN)]
        if not fix:
            strays = await drift.strays(self._stack, self._ports)
            return [drift.shadowed(name, "It blocks the route file.") for name in strays]
        if await drift.routes_match(self._stack, self._ports):
            return []
        try:
            moved = await drift.moved(self._stack, self._ports)
            return None if moved else await drift.restore(self._stack, self._ports)
        except EngineFailed as error:
            return [Alarm("route_unclear", ROUTE_UNCLEAR.format(error.detail, self._commands.look))]
        except RouteNotConfirmed as error:
            return [_not_restored(error)]

    async def _containers(self, state: State, color: Color, *, fix: bool) -> list[Alarm]:
        alarms: list[Alarm] = []
        try:
            found = {
                name: await drift.find(self._ports, name) for name in (s.colors[color] for s in self._stack.routed)
            }
            alarms += await self._copies.alarms(self._stack, state, found, fix=fix or _waits_for_it(state))
            alarms += await self._followed(found) if fix else []
            alarms += await self._singletons(fix=fix)
            alarms += await self._followers.look(self._stack) if fix else []
        except EngineFailed as error:
            alarms.append(Alarm("engine_silent", ENGINE_SILENT.format(error.detail, self._commands.look)))
        return alarms

    async def _followed(self, found: Mapping[str, Sequence[Instance]]) -> list[Alarm]:
        try:
            return await drift.follow(self._stack, self._ports, found)
        except RouteNotConfirmed as error:
            return [_not_restored(error)]

    async def _singletons(self, *, fix: bool) -> list[Alarm]:
        return [alarm for s in self._stack.singletons for alarm in await self._singleton(s, fix=fix)]

    async def _singleton(self, singleton: Singleton, *, fix: bool) -> Sequence[Alarm]:
        """Reports a missing singleton, which an operator may have stopped. Of several, stops all but the known one."""
        running = [i for i in await drift.find_all_of(self._ports, singleton) if not i.gone]
        return [*_silent(singleton, running), *await self._doubled(singleton, running, fix=fix)]

    async def _doubled(self, singleton: Singleton, running: Sequence[Instance], *, fix: bool) -> Sequence[Alarm]:
        if not running and fix:
            text = f"{singleton.name} does not run. If it was not stopped on purpose, {self._commands.start_again}."
            return [Alarm("singleton_gone", text)]
        if len(running) <= 1 or not fix:
            return []
        known, grace = _known(running), self._stack.times.stop_grace
        others = [i for i in running if i is not known]
        await asyncio.gather(*(self._ports.engine.stop(other.id, other.grace(grace)) for other in others))
        stopped = ", ".join(other.id[:12] for other in others)
        text = (
            f"{len(running)} instances of {singleton.name} ran at once. The updater stopped {stopped}. "
            "Find out what started it."
        )
        return [Alarm("singleton_doubled", text)]


def _silent(singleton: Singleton, running: Sequence[Instance]) -> list[Alarm]:
    """Of a singleton that may run where nothing answers, also a second time: the engine may have started another."""
    nodes = ", ".join(sorted({node for instance in running for node in instance.silent}))
    return [Alarm("singleton_silent", SINGLETON_SILENT.format(nodes, singleton.name))] if nodes else []


def _not_restored(error: RouteNotConfirmed) -> Alarm:
    return Alarm("route_not_restored", ROUTE_NOT_RESTORED.format(error.detail))


def _not_adopted(reconciler: Reconciler) -> list[Alarm]:
    refused = reconciler.refused
    return [Alarm("not_adopted", messages.not_adopted(refused))] if refused else []


def _waits_for_it(state: State) -> bool:
    """Returns whether a rollout is still in its preflight, where it waits for the live color to be healthy."""
    return state.rollout is not None and state.rollout.running == PREFLIGHT


def _of_the_release(state: State) -> list[Alarm]:
    if state.current is None or not state.is_unwell:
        return []
    return [Alarm("cannot_roll_back", messages.unwell(state.current.tag))]


def _known(running: Sequence[Instance]) -> Instance:
    """Returns the instance that a rollout created; of several, the oldest: newer ones were started beside it."""
    ours = [i for i in running if i.rollout is not None]
    return (ours or running)[-1]
