"""Ignored releases, for people."""

from collections.abc import Awaitable
from typing import cast

from app.domain.acceptance.ignored import IGNORED_KEPT, IgnoredRelease
from app.ledger.base import EVENTS_KEPT, LedgerPart, now, translated
from app.stored import IGNORED, read

SURPRISES_KEPT = 500
"""How many kinds of tags and repositories are remembered. Beyond it all are forgotten, and are events again."""

# Atomic: the first of its kind is an event.
_IGNORE = """
local ignored, surprises, events = unpack(KEYS)
local release, surprise, at = ARGV[1], ARGV[2], ARGV[3]
local kept, surprises_kept, events_kept = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
redis.call('LPUSH', ignored, release)
redis.call('LTRIM', ignored, 0, kept - 1)
if surprise == '' then return end
if redis.call('SCARD', surprises) >= surprises_kept then redis.call('DEL', surprises) end
if redis.call('SADD', surprises, surprise) == 0 then return end
redis.call('XADD', events, 'MAXLEN', '~', events_kept, '*', 'type', 'release.ignored', 'at', at, 'data', release)
"""


class IgnoredList(LedgerPart):
    """`ignored` (list, newest first) and `ignored:surprises` (set)."""

    async def ignore(self, release: IgnoredRelease) -> None:
        """Records an ignored release. The first with its kind of tag, or of its repository, is an event."""
        keys = [self.key(name) for name in ("ignored", "ignored:surprises", "events")]
        limits = map(str, (IGNORED_KEPT, SURPRISES_KEPT, EVENTS_KEPT))
        args = [IGNORED.built.dump_json(release).decode(), release.surprise or "", now(), *limits]
        async with translated():
            await cast(Awaitable[None], self._redis.eval(_IGNORE, len(keys), *keys, *args))

    async def ignored(self) -> list[IgnoredRelease]:
        """The last ignored releases, newest first, without those that this version cannot read."""
        async with translated():
            found = await cast(Awaitable[list[bytes]], self._redis.lrange(self.key("ignored"), 0, IGNORED_KEPT - 1))
        return [release for value in found if (release := read(IGNORED, value))]
