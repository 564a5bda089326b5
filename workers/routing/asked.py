"""Asks the routes once, as clients do."""

import asyncio

from app.domain.probe_request import route_requests
from app.domain.stack import RoutedService, Stack
from workers.ports import Answer, Probe


async def ask_routes(stack: Stack, probe: Probe) -> list[tuple[RoutedService, Answer]]:
    """The answer of every route of every service, all asked at once."""
    asked = [(service, request) for service in stack.routed for request in route_requests(stack.traefik, service)]
    answers = await asyncio.gather(*(probe.ask(request) for _, request in asked))
    return [(service, answer) for (service, _), answer in zip(asked, answers, strict=True)]
