"""Watches the containers of the live color: each copy of each routed service."""

from collections.abc import Mapping, Sequence

from app.domain.engine_commands import commands_of
from app.domain.errors import EngineFailed, RouteNotConfirmed, StartFailed
from app.domain.findings import Alarm
from app.domain.stack import Stack
from app.domain.state import State
from workers.adoption.drift import may_serve
from workers.ports import Instance, Ports

TRIES = 3
"""How often to start a container that does not stay up. Then the watch only reports it, to make nothing worse."""

REPORTED_SECONDS = 60.0
"""How long to report a restart of the live color, which is too short to notice otherwise."""

COPY_DOWN = (
    "{} of {} copies of {} do not serve: stopped, missing, in no network, or unhealthy by their own check. Traffic "
    "goes to the other {}. The updater starts stopped copies again, at most {} times. Check their logs."
)
CUT_OFF = " In no network any more, as after `docker network disconnect`: {}. {}."
COLOR_CUT_OFF = "{} runs, but Traefik does not reach it, and it has your traffic: clients get errors.{}"
CREATE_AGAIN = " Copies without a container: {}. To create them, run {}."


OF_COPIES = frozenset({"live_color_down", "live_color_unreached", "live_copy_down", "live_color_restarted"})
"""The alarms of this watch that say why Traefik may not reach a copy."""


class LiveCopies:
    """Finds what is wrong with the live copies, and starts those that are stopped."""

    def __init__(self, stack: Stack, ports: Ports) -> None:
        self._commands, self._ports = commands_of(stack), ports
        self._tries: dict[str, int] = {}
        self._restarts: dict[str, int] = {}
        self._restarted_at: dict[str, float] = {}

    async def alarms(
        self, stack: Stack, state: State, found: Mapping[str, Sequence[Instance]], *, fix: bool
    ) -> list[Alarm]:
        """What is wrong. The engine restarts a crashed container; with `fix`, this starts a stopped one.

        `stack`: the stack as the live release has it. `found`: the instances of the live color by Compose service.
        """
        numbers = state.current.copies if state.current else {}
        named = await self._named(state)
        alarms: list[Alarm] = []
        for routed in stack.routed:
            for service in (name for name in routed.colors.values() if name in found):
                hosts, number = None if named is None else named.get(routed.name, ()), numbers.get(routed.name, 1)
                failed = await self._start_stopped(found[service], hosts) if fix else ""
                alarms += self._of(service, found[service], number, failed)
        return alarms

    async def _named(self, state: State) -> Mapping[str, Sequence[str]] | None:
        """The hosts in the route file, by routed service; None if it cannot be read."""
        try:
            return await self._ports.route.copies(state.active_color) if state.active_color else {}
        except RouteNotConfirmed:
            return None

    async def _start_stopped(self, instances: Sequence[Instance], named: Sequence[str] | None) -> str:
        """Starts the stopped copies of the release that runs. Returns a sentence if that failed.

        While others serve, only those that have left the route: a copy that has just started is not ready. `named`: the
        hosts in the route; None if they are not known.
        """
        running = [i for i in instances if i.running]
        stopped = [i for i in _of_one_release(instances) if not i.running]
        ready = [i for i in stopped if not running or (named is not None and i.host not in named)]
        return "".join(dict.fromkeys([await self._started(i) for i in ready]))

    def _of(self, service: str, instances: Sequence[Instance], number: int, failed: str) -> list[Alarm]:
        running = [i for i in instances if i.running]
        for instance in running:
            self._tries.pop(instance.id, None)
        if not running:
            text = f"{service} does not run, but has your traffic: clients get errors. Check its logs.{failed}"
            return [Alarm("live_color_down", text)]
        if all(i.cut_off for i in running):
            text = COLOR_CUT_OFF.format(service, self._connect(running))
            return [Alarm("live_color_unreached", text)]
        return [*self._restarted(service, running), *self._few(service, instances, number, failed)]

    async def _started(self, instance: Instance) -> str:
        """Starts it again, at most TRIES times. Returns a sentence if that failed."""
        tries = self._tries[instance.id] = self._tries.get(instance.id, 0) + 1
        if tries > TRIES:
            return ""
        try:
            await self._ports.engine.resume(instance.id)
        except (EngineFailed, StartFailed) as error:
            return f" It could not be started: {error.detail}."
        return ""

    def _restarted(self, service: str, running: Sequence[Instance]) -> list[Alarm]:
        """Reports a restart. The engine restarts a crashed container within a second, so only its count shows it."""
        now = self._ports.clock.monotonic()
        for each in running:
            if each.restarts > self._restarts.get(each.id, each.restarts):
                self._restarted_at[each.id] = now
            self._restarts[each.id] = each.restarts
        if all(now - self._restarted_at.get(i.id, -REPORTED_SECONDS) >= REPORTED_SECONDS for i in running):
            return []
        return [Alarm("live_color_restarted", f"{service} ended, and the engine restarted it. Check its logs.")]

    def _few(self, service: str, instances: Sequence[Instance], known: int, failed: str) -> list[Alarm]:
        """Reports copies that do not serve while others do. `known`: how many the live release runs."""
        ours = _of_one_release(instances)
        number = max(known, len(ours))
        well = sum(map(may_serve, ours))
        if well in {0, number}:
            return []
        gone = number - len(ours)
        how = CREATE_AGAIN.format(gone, self._commands.scale(service, number)) if gone else ""
        down = COPY_DOWN.format(number - well, number, service, well, TRIES)
        return [Alarm("live_copy_down", f"{down}{how}{self._connect(ours)}{failed}")]

    def _connect(self, copies: Sequence[Instance]) -> str:
        """How to connect those that are in no network; empty if there is none."""
        names = [min(i.names, default=i.id[:12]) for i in copies if i.cut_off]
        return CUT_OFF.format(", ".join(names), self._commands.connect) if names else ""


def _of_one_release(instances: Sequence[Instance]) -> list[Instance]:
    """Those of the release that runs. A stopped container beside a stack that was adopted belongs to none."""
    made = {i.rollout for i in sorted(instances, key=lambda i: not i.running)[:1]}
    return [i for i in instances if i.rollout in made]
