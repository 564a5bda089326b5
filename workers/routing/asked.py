"""Asks the routes once, as clients do."""

import asyncio

from app.domain.probe_request import all_route_requests
from app.domain.stack import RoutedService, Stack
from workers.ports import Answer, Probe


async def ask_routes(stack: Stack, probe: Probe) -> list[tuple[RoutedService, Answer]]:
    """The answer of every route of every service, all asked at once."""
    asked = all_route_requests(stack)
    answers = await asyncio.gather(*(probe.ask(request) for _, request in asked))
    return [(service, answer) for (service, _), answer in zip(asked, answers, strict=True)]
