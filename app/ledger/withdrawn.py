"""Releases that were withdrawn on GitHub."""

from collections.abc import Awaitable
from typing import cast

from app.domain.withdrawal import WITHDRAWN_KEPT, Withdrawal
from app.ledger.base import LedgerPart, translated
from app.ledger.releases import WITHDRAWN_KEYS, seconds_of
from app.stored import WITHDRAWAL, read

FOREVER = "9007199254740991"
"""The date until which a deleted release counts as withdrawn, in seconds since 1970: JSON's largest exact integer."""

# Atomic: what is withdrawn is no duplicate any more, so that it can be accepted if it is published again. An undecided
# release stays pending: the worker takes it over, and records how it ended. The release itself is kept with its
# withdrawal: a worker that lost its journal ends it.
_WITHDRAW = """
local withdrawn, untils, taken_back, releases, order = unpack(KEYS)
local key, withdrawal, taken_back_until, kept = unpack(ARGV)
redis.call('HSET', withdrawn, key, withdrawal)
redis.call('ZADD', untils, taken_back_until, key)
local release = redis.call('HGET', releases, key)
if release then redis.call('HSET', taken_back, key, release) end
redis.call('HDEL', releases, key)
redis.call('ZREM', order, key)
while redis.call('ZCARD', untils) > tonumber(kept) do
  local oldest = redis.call('ZPOPMIN', untils)[1]
  redis.call('HDEL', withdrawn, oldest)
  redis.call('HDEL', taken_back, oldest)
end
"""


class WithdrawnReleases(LedgerPart):
    """`withdrawn` and `withdrawn:releases` (hashes), `withdrawn:until` (by the date of what was withdrawn)."""

    async def withdraw(self, withdrawal: Withdrawal) -> None:
        """Records that a release was withdrawn: it is not accepted, unless it is published again."""
        keys = [self.key(name) for name in (*WITHDRAWN_KEYS, "releases", "releases:order")]
        value = WITHDRAWAL.built.dump_json(withdrawal).decode()
        args = [withdrawal.key, value, seconds_of(withdrawal.until) or FOREVER, str(WITHDRAWN_KEPT)]
        async with translated():
            await cast(Awaitable[None], self._redis.eval(_WITHDRAW, len(keys), *keys, *args))

    async def withdrawals(self) -> list[Withdrawal]:
        """The last releases that were withdrawn, oldest first, without those that this version cannot read."""
        async with translated():
            found = await cast(Awaitable[list[bytes]], self._redis.hvals(self.key(WITHDRAWN_KEYS[0])))
        readable = [withdrawal for value in found if (withdrawal := read(WITHDRAWAL, value))]
        return sorted((w for w in readable if w.at.tzinfo), key=lambda w: w.at)
