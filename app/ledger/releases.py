"""Accepted releases. Duplicates are recognized forever, in bounded memory."""

import re
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from app.domain.release import FORGOTTEN, MANUAL_KEY, WITHDRAWN, Release
from app.ledger.base import EVENTS_KEPT, LedgerPart, now, translated
from app.stored import RELEASE, read, read_release

RELEASES_KEPT = 10_000
"""How many releases are kept by key. Of a repository's older releases only the highest id is kept, as its floor."""

_SIGNED = re.compile(r"([0-9]+):([0-9]+)")
WITHDRAWN_KEYS = ("withdrawn", "withdrawn:until", "withdrawn:releases")
MANUAL = "manual"
"""The name of the hash of the undecided manual releases."""

# Atomic: a known release stays unchanged; a new one is recorded, added to `pending` and announced as an event.
# GitHub's release ids increase, so a release whose id is not above the repository's floor was recorded before.
# A withdrawn release is not recorded, unless it was published again since: see app/ledger/withdrawn.py.
# If the caller decided by a status that is not the published one any more, nothing is recorded.
# https://redis.io/docs/latest/develop/programmability/eval-intro/
_ACCEPT = """
local releases, order, floors, pending, manual, events, withdrawn, untils, taken_back, status = unpack(KEYS)
local key, release, repository, id, at, events_kept, releases_kept, published, decided_by = unpack(ARGV)
if decided_by ~= '' and redis.sha1hex(redis.call('GET', status) or '') ~= decided_by then return 'decide again' end
if id ~= 'manual' then
  local taken_back_until = redis.call('ZSCORE', untils, key)
  if taken_back_until then
    if published == '' or tonumber(published) <= tonumber(taken_back_until) then return 'withdrawn' end
    redis.call('ZREM', untils, key)
    redis.call('HDEL', withdrawn, key)
    redis.call('HDEL', taken_back, key)
  end
  local known = redis.call('HGET', releases, key)
  if known then return known end
  local floor = redis.call('HGET', floors, repository)
  if floor and tonumber(id) <= tonumber(floor) then return 'forgotten' end
  redis.call('HSET', releases, key, release)
  redis.call('ZADD', order, id, key)
  while redis.call('ZCARD', order) > tonumber(releases_kept) do
    local oldest = redis.call('ZPOPMIN', order)
    redis.call('HDEL', releases, oldest[1])
    local from = string.match(oldest[1], '^(%d+):%d+$')
    local last = from and redis.call('HGET', floors, from)
    if from and (not last or tonumber(oldest[2]) > tonumber(last)) then
      redis.call('HSET', floors, from, string.match(oldest[1], ':(%d+)$'))
    end
  end
elseif redis.call('HEXISTS', pending, key) == 1 then
  return redis.call('HGET', pending, key)
else
  redis.call('HSET', manual, key, release)
end
redis.call('HSET', pending, key, release)
redis.call('XADD', events, 'MAXLEN', '~', events_kept, '*', 'type', 'release.accepted', 'at', at, 'data', release)
return false
"""


_DECIDE_AGAIN = b"decide again"


class StatusChanged(Exception):
    """The worker has published another status since the caller decided."""


class Releases(LedgerPart):
    """`releases` (hash), `releases:order` (by release id), `releases:floors` (by repository id), `pending` (hash).

    `manual` (hash) has what a person asked for, until it is decided.
    """

    releases_kept = RELEASES_KEPT

    async def accept(self, release: Release, *, decided_by: str = "") -> Release | None:
        """Records `release`. Returns None, or the release that is already recorded under the same key.

        `decided_by`: the fingerprint of the status by which the caller decided to accept it. Raises StatusChanged, and
        records nothing, if the worker has published another one since.

        A release that was withdrawn is not recorded, and is returned with the rollout id WITHDRAWN.

        A release older than the dedup window, or whose record this version cannot read, is returned with the rollout
        id FORGOTTEN.
        """
        names = (
            "releases",
            "releases:order",
            "releases:floors",
            "pending",
            MANUAL,
            "events",
            *WITHDRAWN_KEYS,
            "status",
        )
        keys = [self.key(name) for name in names]
        repository, id_ = ids_of(release.key)
        value = RELEASE.built.dump_json(release).decode()
        args = [release.key, value, repository, id_, now(), str(EVENTS_KEPT), str(self.releases_kept)]
        args += [seconds_of(release.published_at), decided_by]
        async with translated():
            known = await cast(Awaitable[bytes | None], self._redis.eval(_ACCEPT, len(keys), *keys, *args))
        if known == _DECIDE_AGAIN:
            raise StatusChanged
        if known == WITHDRAWN.encode():
            return replace(release, rollout_id=WITHDRAWN)
        return (read(RELEASE, known) or replace(release, rollout_id=FORGOTTEN)) if known else None

    async def recorded(self, key: str) -> Release | None:
        """The release that is recorded under `key`; None if there is none, or this version cannot read it."""
        async with translated():
            found = await cast(Awaitable[bytes | None], self._redis.hget(self.key("releases"), key))
        return read_release(found) if found else None

    async def pending(self) -> list[Release]:
        """The accepted releases that the worker has not taken over yet, oldest first."""
        return await self._readable("pending")

    async def known(self) -> list[Release]:
        """Every release that is kept by key, decided or not, and the undecided manual ones, oldest first.

        Also those whose withdrawal is remembered.
        """
        return await self._readable("releases", MANUAL, WITHDRAWN_KEYS[-1])

    async def asked_for(self, tag: str) -> list[Release]:
        """The undecided releases of that tag that an operator asked for, oldest first: they wait or run."""
        return [release for release in await self._readable(MANUAL) if release.tag == tag]

    async def _readable(self, *hashes: str) -> list[Release]:
        """The releases of these hashes, oldest first, without those that this version cannot read: see SetAside."""
        values: list[bytes] = []
        async with translated():
            for name in hashes:
                values += await cast(Awaitable[list[bytes]], self._redis.hvals(self.key(name)))
        return sorted(filter(None, map(read_release, values)), key=lambda release: release.accepted_at)

    async def taken(self, releases: Sequence[Release]) -> None:
        """Removes `releases` from `pending`: the worker has them in its state file."""
        if releases:
            async with translated():
                keys = [r.key for r in releases]
                await cast(Awaitable[int], self._redis.hdel(self.key("pending"), *keys))


def seconds_of(at: datetime | None) -> str:
    """Seconds since 1970, exact to the microsecond; empty for None."""
    return f"{at.timestamp():.6f}" if at else ""


def ids_of(key: str) -> tuple[str, str]:
    """Repository id and release id of a release's key. The release id is `manual` for a manual release.

    A key of any other form counts as the oldest.
    """
    if key.startswith(MANUAL_KEY):
        return "", "manual"
    signed = _SIGNED.fullmatch(key)
    return (signed[1], signed[2]) if signed else ("", "0")
