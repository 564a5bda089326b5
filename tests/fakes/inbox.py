"""The part of Redis that has the accepted releases, in memory."""

import asyncio
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from app.domain.acceptance.ignored import IGNORED_KEPT, IgnoredRelease
from app.domain.errors import LedgerUnavailable
from app.domain.release import WITHDRAWN, Release, UnreadableRelease
from app.domain.withdrawal import WITHDRAWN_KEPT, Withdrawal
from app.ledger.base import CALL_SECONDS
from tests.fakes.fuse import Fuse


class FakeInbox:
    """Accepted releases that the worker has not taken yet. Redis may be `away`, or `forgetful`: it keeps taken ones.

    `unreadable`: those that another version accepted. `on_the_way` is called once while an answer about withdrawals is
    on its way: the caller gets what was so before. `answered_at`: when the last one arrived.
    """

    def __init__(self, fuse: Fuse) -> None:
        self.away = False
        self.forgetful = False
        self.unreadable: list[UnreadableRelease] = []
        self._fuse = fuse
        self._pending: dict[str, Release] = {}
        self._known: dict[str, Release] = {}
        self._ignored: list[IgnoredRelease] = []
        self._withdrawn: dict[str, Withdrawal] = {}
        self._taken_back: dict[str, Release] = {}
        self._answers = asyncio.Event()
        self._answers.set()
        self.on_the_way: Callable[[], object] | None = None
        self.answered_at = -math.inf

    def put(self, *releases: Release) -> None:
        self._pending |= {r.key: r for r in releases}
        self._known |= self._pending

    def lose(self) -> None:
        """Empties Redis."""
        self._pending, self._known, self._ignored, self._withdrawn, self._taken_back = {}, {}, [], {}, {}

    def hang(self) -> None:
        """Accepts calls, but does not answer until `go_on`."""
        self._answers.clear()

    def go_on(self) -> None:
        self._answers.set()

    @property
    def answers(self) -> bool:
        return not self.away and self._answers.is_set()

    @property
    def untaken(self) -> list[Release]:
        """The releases that the worker has not taken yet."""
        return list(self._pending.values())

    @property
    def keys(self) -> set[str]:
        """The keys of the releases that Redis knows."""
        return set(self._known)

    async def ping(self) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise LedgerUnavailable("ConnectionError")
        if not self._answers.is_set():
            await self._answer()

    async def _answer(self) -> None:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await self._answers.wait()
        except TimeoutError as late:
            raise LedgerUnavailable("TimeoutError") from late

    async def pending(self) -> list[Release]:
        await self.ping()
        return sorted(self._pending.values(), key=lambda r: r.accepted_at)

    async def accept(self, release: Release) -> Release | None:
        await self.ping()
        self._fuse.burn()
        if (taken_back := self._withdrawn.get(release.key)) and taken_back.covers(release.key, release.published_at):
            return replace(release, rollout_id=WITHDRAWN)
        self._withdrawn.pop(release.key, None)
        self._taken_back.pop(release.key, None)
        if known := self._known.get(release.key):
            return known
        self.put(release)
        self._fuse.burn()
        return None

    async def withdraw(self, withdrawal: Withdrawal) -> None:
        await self.ping()
        self._fuse.burn()
        self.take_back(withdrawal)

    def take_back(self, withdrawal: Withdrawal) -> None:
        """What the web process does with the webhook of a withdrawal."""
        latest = [w for w in self._withdrawn.values() if w.key != withdrawal.key]
        self._withdrawn = {w.key: w for w in [*latest, withdrawal][-WITHDRAWN_KEPT:]}
        if release := self._known.pop(withdrawal.key, None):
            self._taken_back[release.key] = release
        self._taken_back = {key: release for key, release in self._taken_back.items() if key in self._withdrawn}

    async def withdrawals(self) -> list[Withdrawal]:
        await self.ping()
        found = list(self._withdrawn.values())
        await asyncio.sleep(0)
        self.answered_at = asyncio.get_running_loop().time()
        if happens := self.on_the_way:
            self.on_the_way = None
            happens()
        return found

    async def known(self) -> list[Release]:
        await self.ping()
        return [*self._known.values(), *self._taken_back.values()]

    async def ignore(self, release: IgnoredRelease) -> None:
        await self.ping()
        self._fuse.burn()
        self._ignored = [release, *self._ignored][:IGNORED_KEPT]

    async def ignored(self) -> list[IgnoredRelease]:
        await self.ping()
        return list(self._ignored)

    async def taken(self, releases: Sequence[Release]) -> None:
        await self.ping()
        self._fuse.burn()
        for release in () if self.forgetful else releases:
            self._pending.pop(release.key, None)
        self._fuse.burn()

    async def set_aside(self) -> list[UnreadableRelease]:
        await self.ping()
        return list(self.unreadable)

    async def dismiss(self, releases: Collection[UnreadableRelease]) -> None:
        await self.ping()
        self.unreadable = [release for release in self.unreadable if release not in releases]
