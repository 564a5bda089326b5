"""Asks the routes as clients do: whether the live release's own answer, and whether Traefik reaches its copies."""

from collections import Counter
from collections.abc import Sequence

from app.domain.engine_commands import commands_of
from app.domain.errors import EngineFailed
from app.domain.findings import Alarm
from app.domain.stack import RoutedService, Stack
from workers.adoption.conflicts import conflicts
from workers.ports import Answer, Ports
from workers.routing.asked import ask_routes

AGAIN_SECONDS = 0.5
"""After a wrong answer of a route, when to ask once more: Traefik may have been busy."""

UNREACHED = frozenset({502, 504})
"""What Traefik answers if it cannot connect to the server of a route, or gets no answer.

https://doc.traefik.io/traefik/v3.0/getting-started/faq/
"""

REMEMBERED_SECONDS = 60.0
"""Two such answers within this time are an alarm. Traefik asks the copies in turn, so only some answers show one."""

ROUTE_NOT_SERVED = (
    "The route file leads to the live color, but requests to {} are not answered by its routes (the last answer: {}). "
    "Clients do not reach the live release. {}"
)
COLOR_UNREACHED = (
    "Traefik does not reach all containers of {0} that have your traffic (HTTP 502 or 504), although they run: clients "
    "get errors. `updater doctor` shows the networks of both. If a container has lost the network that it shared with "
    "Traefik: {1}. Else read its logs."
)


class LiveAnswers:
    """Remembers of which routed service Traefik did not reach a copy lately, and when."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._unreached: list[tuple[str, float]] = []

    async def alarms(self, stack: Stack, route_id: str, *, copies_run: bool) -> list[Alarm]:
        """Checks that every route answers with the live rollout's id, as clients ask, at the latest the second time.

        `stack`: the stack as the live release has it. `copies_run`: no other alarm says why a copy may not answer.
        """
        lost: list[tuple[RoutedService, Answer]] = []
        for wait in (0.0, AGAIN_SECONDS):
            await self._ports.clock.sleep(wait)
            asked = await ask_routes(stack, self._ports.probe)
            lost = [(service, answer) for service, answer in asked if answer.rollout != route_id]
            if not lost:
                return self._of_copies(stack, asked) if copies_run else []
        names = ", ".join(dict.fromkeys(service.name for service, _ in lost))
        text = ROUTE_NOT_SERVED.format(names, lost[0][1], await self._who_answers(stack))
        return [Alarm("route_not_served", text)]

    def _of_copies(self, stack: Stack, asked: Sequence[tuple[RoutedService, Answer]]) -> list[Alarm]:
        """One alarm for each service whose copies Traefik did not reach twice lately."""
        now = self._ports.clock.monotonic()
        unreached = {service.name for service, answer in asked if answer.status in UNREACHED and not answer.ok}
        self._unreached = [
            *((name, at) for name, at in self._unreached if now - at < REMEMBERED_SECONDS),
            *((name, now) for name in sorted(unreached)),
        ]
        times = Counter(name for name, _ in self._unreached)
        connect = commands_of(stack).connect
        return [
            Alarm("live_color_unreached", COLOR_UNREACHED.format(name, connect)) for name in times if times[name] > 1
        ]

    async def _who_answers(self, stack: Stack) -> str:
        try:
            found = "; ".join(await conflicts(stack, self._ports))
        except EngineFailed:
            found = ""
        return f"{found[0].upper()}{found[1:]}." if found else "Check that Traefik runs, and read its log."
