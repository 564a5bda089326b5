"""Which version clients are answered by, and when."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from deploy.demo.http1 import BadAnswer, HttpClient, Target

REQUEST_SECONDS = 10.0
ASK_SECONDS = 0.02
LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Answer:
    """`begun`, `answered`: seconds of one clock."""

    begun: float
    answered: float
    version: str


def first_new(answers: Sequence[Answer], version: str) -> float:
    """Returns when `version` first answered. Raises RuntimeError if it never did."""
    times = [answer.answered for answer in answers if answer.version == version]
    if not times:
        raise RuntimeError(f"{version} never answered")
    return min(times)


def mixed_seconds(answers: Sequence[Answer], version: str) -> float:
    """Returns for how long requests that began after the first answer of `version` were answered by another one."""
    first = first_new(answers, version)
    return max((a.begun for a in answers if a.version != version and a.begun > first), default=first) - first


@contextlib.asynccontextmanager
async def watched(target: Target) -> AsyncIterator[list[Answer]]:
    """Asks `target` for its version every ASK_SECONDS, without waiting for the answer before. Failures are left out."""
    answers: list[Answer] = []
    client = HttpClient(target, REQUEST_SECONDS)
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(_ask_on(client, answers, group))
        try:
            yield answers
        finally:
            asking.cancel()
    await client.close()


async def _ask_on(client: HttpClient, answers: list[Answer], group: asyncio.TaskGroup) -> None:
    while True:
        group.create_task(_ask(client, answers))
        await asyncio.sleep(ASK_SECONDS)


async def _ask(client: HttpClient, answers: list[Answer]) -> None:
    begun = time.monotonic()
    with contextlib.suppress(BadAnswer, OSError, EOFError, ValueError, KeyError):
        status, body = await client.send("GET", "/version")
        if status == 200:
            answers.append(Answer(begun, time.monotonic(), json.loads(body)["version"]))


async def moved(targets: Sequence[Target], version: str) -> float:
    """Waits until each target was answered by `version`. Returns when, on the clock of Answer."""
    for target in targets:
        answers: list[Answer] = []
        client = HttpClient(target, REQUEST_SECONDS)
        while not answers or answers[-1].version != version:
            await _ask(client, answers)
            await asyncio.sleep(LOOK_SECONDS)
        await client.close()
    return time.monotonic()
