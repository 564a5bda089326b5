"""Accepted releases that this version of the updater cannot read: set aside, so that nothing waits for them."""

import json
from collections.abc import Awaitable, Collection
from typing import cast

from app.domain.release import UnreadableRelease
from app.ledger.base import LedgerPart, translated
from app.stored import read_release

UNREADABLE_KEPT = 100
"""How many are set aside. More stay in `pending`, where every version skips what it cannot read."""

Found = dict[bytes, bytes]


class SetAside(LedgerPart):
    """`unreadable` (hash): taken from `pending`, unchanged."""

    async def set_aside(self) -> list[UnreadableRelease]:
        """Moves the unreadable releases from `pending` to `unreadable`, and back what another version had set aside.

        Returns all unreadable ones, those of earlier calls too.
        """
        pending, aside = await self._content("pending"), await self._content("unreadable")
        back = {key: value for key, value in aside.items() if read_release(value)}
        odd = {key: value for key, value in pending.items() if not read_release(value)}
        room = max(0, UNREADABLE_KEPT - len(aside) + len(back))
        await self._move("unreadable", "pending", back)
        await self._move("pending", "unreadable", dict(list(odd.items())[:room]))
        left = {key: value for key, value in (aside | odd).items() if key not in back}
        return [UnreadableRelease(key.decode("utf-8", "replace"), _tag(value)) for key, value in left.items()]

    async def dismiss(self, releases: Collection[UnreadableRelease]) -> None:
        """Deletes releases that were set aside."""
        if releases:
            async with translated():
                keys = [release.key for release in releases]
                await cast(Awaitable[int], self._redis.hdel(self.key("unreadable"), *keys))

    async def _content(self, name: str) -> Found:
        async with translated():
            return await cast(Awaitable[Found], self._redis.hgetall(self.key(name)))

    async def _move(self, source: str, target: str, entries: Found) -> None:
        if not entries:
            return
        async with translated(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(self.key(target), mapping=entries)  # it takes bytes too
            pipe.hdel(self.key(source), *entries)  # type: ignore[arg-type]
            await pipe.execute()


def _tag(value: bytes) -> str:
    """The tag in an unreadable release; empty if there is none."""
    try:
        fields = json.loads(value)
    except ValueError:
        return ""
    tag = fields.get("tag") if isinstance(fields, dict) else None
    return tag[:100] if isinstance(tag, str) else ""
