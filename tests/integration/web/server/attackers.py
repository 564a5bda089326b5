"""All attacks of row 19 in docs/reliability.md at once, from their own process: `python -m …attackers URL SECONDS`.

Slow heads, slow bodies with and without a valid signature, bodies of 100 MB declared and in chunks, gzip, invalid
UTF-8, NUL, JSON nested 100,000 deep.
"""

import asyncio
import gzip
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from tests.integration.web.deliveries import head, headers, release_body
from tests.integration.web.deliveries import raw as sent

SLOW = 100
LARGE = 8
MALFORMED = 2
BREATH_SECONDS = 0.5

raw = partial(sent, limit=8.0)
"""An attacker gives up then, and begins again."""

BODY = release_body()
MEGABYTE = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
DEEP = b"[" * 100_000 + b"]" * 100_000
SIGNED_NONSENSE = (DEEP, b'{"a":' * 100_000, BODY.replace(b"octo", b"oct\xff"), BODY.replace(b"octo", b"oct\x00"))


def _fields(body: bytes, length: int | None = None, **change: str) -> list[tuple[str, str]]:
    size = {} if length is None else {"Content-Length": str(length)}
    return list({**headers(body), **size, **change}.items())


async def slow_head(url: str) -> None:
    whole = head(_fields(BODY, len(BODY)))
    await raw(url, *(whole[n : n + 1] for n in range(len(whole))), pause=0.5)


async def slow_body(url: str) -> None:
    await raw(url, head(_fields(BODY, len(BODY))), *(BODY[n : n + 1] for n in range(len(BODY))), pause=0.5)


async def large_body(url: str) -> None:
    await raw(url, head(_fields(BODY, 100 * 0x100000)), *[b"x" * 0x100000] * 100)
    await raw(url, head([*_fields(BODY), ("Transfer-Encoding", "chunked")]), *[MEGABYTE] * 100)


async def malformed(url: str) -> None:
    for body in SIGNED_NONSENSE:
        await raw(url, head(_fields(body, len(body))), body)
    packed = gzip.compress(BODY)
    await raw(url, head([*_fields(packed, len(packed)), ("Content-Encoding", "gzip")]), packed)
    await raw(url, b"\x16\x03\x01\x02\x00 not HTTP at all\r\n\r\n")


async def _for_ever(attack: Callable[[str], Awaitable[None]], url: str) -> None:
    while True:
        with suppress(OSError, TimeoutError):
            await attack(url)
        await asyncio.sleep(BREATH_SECONDS)


async def attack(url: str, seconds: float) -> None:
    attackers = [(slow_head, SLOW), (slow_body, SLOW), (large_body, LARGE), (malformed, MALFORMED)]
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(_for_ever(what, url) for what, many in attackers for _ in range(many)))


if __name__ == "__main__":
    os.nice(19)  # real attackers do not share the server's processor
    asyncio.run(attack(sys.argv[1], float(sys.argv[2])))
