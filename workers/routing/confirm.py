"""Confirms that Traefik follows the route file, by the rollout header in its answers."""

from collections.abc import Awaitable, Callable

from app.domain.errors import RouteNotConfirmed
from app.domain.stack import RoutedService, Stack
from workers.ports import Answer, Clock

CONFIRM_INTERVAL = 0.02


async def confirm_routes(
    stack: Stack, clock: Clock, rollout: str, ask: Callable[[RoutedService], Awaitable[Answer]]
) -> None:
    """Waits until every route answers with `rollout`. Raises RouteNotConfirmed after `times.route`."""
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
