"""Asks the routes once, as clients do."""

import asyncio

from app.domain.routing.probe_request import all_route_requests, route_requests
from app.domain.stack import RoutedService, Stack
from workers.ports import Answer, Probe

NOT_FOUND = 404


async def ask_routes(stack: Stack, probe: Probe) -> list[tuple[RoutedService, Answer]]:
    """The answer of every route of every service, all asked at once."""
    asked = all_route_requests(stack)
    answers = await asyncio.gather(*(probe.ask(request) for _, request in asked))
    return [(service, answer) for (service, _), answer in zip(asked, answers, strict=True)]


async def served_by_routes(stack: Stack, probe: Probe, service: RoutedService) -> bool:
    """Whether clients of each of its routes are answered as they should be, by whichever route file.

    What a middleware may answer counts. A 404 without a rollout id is Traefik's own.
    """
    answers = [(each, await probe.ask(each)) for each in route_requests(stack, service)]
    return all(
        answer.status in request.accepted | request.routed and (answer.status != NOT_FOUND or answer.rollout)
        for request, answer in answers
    )
