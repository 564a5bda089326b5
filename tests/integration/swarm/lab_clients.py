"""Clients of the Traefiks in a swarm."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from deploy.demo.http1 import HttpClient
from deploy.demo.swarm.edge import wait_until_answered

PAUSE_SECONDS = 0.05

UNDER_WAY = 2
"""The most requests of one client that Traefik has on connections to a lost node: one at once, and one that is kept."""


@dataclass
class Seen:
    """What clients of one Traefik got. `failures`: of requests that were not answered with 200."""

    requests: int = 0
    failures: list[str] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)


@contextlib.asynccontextmanager
async def clients_of(urls: Sequence[str]) -> AsyncIterator[list[Seen]]:
    """Asks each Traefik all the time."""
    seen = [Seen() for _ in urls]
    asking = [asyncio.create_task(_ask(url, each)) for url, each in zip(urls, seen, strict=True)]
    try:
        yield seen
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def _ask(url: str, seen: Seen) -> None:
    async with contextlib.AsyncExitStack() as ending:
        client = HttpClient(url, 30.0)
        ending.push_async_callback(client.close)
        while True:
            seen.requests += 1
            try:
                status, body = await client.send("GET", "/")
            except (OSError, EOFError) as error:
                seen.failures.append(repr(error))
            else:
                seen.versions |= {str(json.loads(body).get("version"))} if status == 200 else set()
                seen.failures += [] if status == 200 else [f"{status} {body[:80]!r}"]
            await asyncio.sleep(PAUSE_SECONDS)


async def traefiks_answer(urls: tuple[str, ...]) -> None:
    """Waits until each Traefik answers; without routes, with 404."""
    await asyncio.to_thread(wait_until_answered, urls)
