"""The contract of the inbox port, tested on the fake and on the ledger."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import pytest
from arq.connections import ArqRedis
from redis.asyncio import Redis

from app.domain.acceptance.ignored import IGNORED_KEPT, IgnoredRelease
from app.domain.errors import LedgerUnavailable
from app.domain.release import WITHDRAWN, Release, Trigger, UnreadableRelease
from app.domain.withdrawal import WITHDRAWN_KEPT, Withdrawal
from app.ledger import Ledger
from tests.examples import NOW, a_release
from tests.fakes.fuse import Fuse
from tests.fakes.inbox import FakeInbox
from workers.ports import Inbox

OLD, NEW = a_release("v1.1.0"), a_release("v1.2.0", after=1)
IGNORED = IgnoredRelease("1:2", "web-v1.0.0", "octo/shop", "published", "tag", "why", "2026-01-02T03:04:05+00:00")
BY_HAND = a_release("v1.1.0", key="manual:r-1", rollout_id="r-1", trigger=Trigger.MANUAL, after=2)
LATER = NOW + timedelta(seconds=1)
SIGNED = a_release("v1.3.0", key="1:30", published_at=NOW)
OTHER = a_release("v1.4.0", key="1:40", published_at=NOW, after=1)


def withdrawal(release: Release, until: datetime | None) -> Withdrawal:
    return Withdrawal(release.key, release.tag, release.accepted_at, "it was taken back", until)


class Letters(Protocol):
    """An inbox, and a way to put releases into it."""

    @property
    def inbox(self) -> Inbox: ...
    async def put(self, *releases: Release) -> None: ...
    async def put_unreadable(self, key: str, tag: str) -> None: ...


class InboxContract:
    async def test_an_empty_inbox_holds_nothing(self, letters: Letters) -> None:
        await letters.inbox.ping()
        assert await letters.inbox.pending() == []

    async def test_pending_lists_the_oldest_first(self, letters: Letters) -> None:
        await letters.put(NEW, OLD)
        for _ in range(2):
            assert await letters.inbox.pending() == [OLD, NEW]

    async def test_taken_entry_is_no_longer_pending(self, letters: Letters) -> None:
        await letters.put(OLD, NEW)
        await letters.inbox.taken([OLD])
        assert await letters.inbox.pending() == [NEW]

    async def test_taking_an_absent_entry_is_no_error(self, letters: Letters) -> None:
        await letters.put(NEW)
        await letters.inbox.taken([])
        await letters.inbox.taken([OLD])
        assert await letters.inbox.pending() == [NEW]

    async def test_taken_releases_stay_known(self, letters: Letters) -> None:
        await letters.put(OLD, BY_HAND)
        await letters.inbox.taken([OLD, BY_HAND])
        assert await letters.inbox.known() == [OLD, BY_HAND]

    async def test_withdrawn_release_is_not_accepted(self, letters: Letters) -> None:
        assert await letters.inbox.withdrawals() == []
        first, second = withdrawal(SIGNED, until=None), withdrawal(OTHER, until=NOW)
        await letters.inbox.withdraw(first)
        await letters.inbox.withdraw(second)
        for release in (SIGNED, replace(SIGNED, published_at=LATER), OTHER, replace(OTHER, published_at=None)):
            known = await letters.inbox.accept(release)
            assert known is not None
            assert known.rollout_id == WITHDRAWN
        assert (await letters.inbox.pending(), await letters.inbox.known()) == ([], [])
        assert await letters.inbox.withdrawals() == [first, second]

    async def test_release_published_again_is_accepted_once(self, letters: Letters) -> None:
        await letters.put(OTHER)
        await letters.inbox.taken([OTHER])
        await letters.inbox.withdraw(withdrawal(OTHER, until=NOW))
        again = replace(OTHER, rollout_id="r-again", published_at=LATER)
        assert await letters.inbox.accept(again) is None
        assert await letters.inbox.accept(again) == again
        assert (await letters.inbox.pending(), await letters.inbox.withdrawals()) == ([again], [])
        assert await letters.inbox.known() == [again]

    async def test_withdrawn_undecided_release_stays_pending(self, letters: Letters) -> None:
        """The worker takes it over, and records how it ended."""
        await letters.put(SIGNED)
        await letters.inbox.withdraw(withdrawal(SIGNED, until=None))
        assert (await letters.inbox.pending(), await letters.inbox.known()) == ([SIGNED], [SIGNED])

    async def test_release_is_known_as_long_as_its_withdrawal(self, letters: Letters) -> None:
        """A worker that lost its journal ends it."""
        await letters.put(SIGNED)
        await letters.inbox.taken([SIGNED])
        await letters.inbox.withdraw(withdrawal(SIGNED, until=NOW))
        assert await letters.inbox.known() == [SIGNED]
        for n in range(WITHDRAWN_KEPT):
            at = LATER + timedelta(seconds=n)
            await letters.inbox.withdraw(replace(withdrawal(OTHER, until=at), key=f"1:{100 + n}", at=at))
        assert await letters.inbox.known() == []

    async def test_only_the_last_withdrawals_are_kept(self, letters: Letters) -> None:
        found = [replace(withdrawal(OTHER, until=NOW), key=f"1:{n}") for n in range(100, 100 + WITHDRAWN_KEPT + 5)]
        for n, each in enumerate(found):
            await letters.inbox.withdraw(replace(each, at=NOW + timedelta(seconds=n), until=NOW + timedelta(seconds=n)))
        assert [w.key for w in await letters.inbox.withdrawals()] == [w.key for w in found[5:]]

    async def test_ignored_releases_are_listed_newest_first(self, letters: Letters) -> None:
        assert await letters.inbox.ignored() == []
        releases = [replace(IGNORED, tag=f"web-v{n}.0.0") for n in range(IGNORED_KEPT + 5)]
        for release in releases:
            await letters.inbox.ignore(release)
        assert await letters.inbox.ignored() == releases[:4:-1]
        assert await letters.inbox.pending() == []

    async def test_unreadable_entry_is_set_aside(self, letters: Letters) -> None:
        await letters.put(OLD)
        await letters.put_unreadable("1:9", "v9.0.0")
        await letters.put(NEW)
        assert await letters.inbox.pending() == [OLD, NEW]
        for _ in range(2):
            assert await letters.inbox.set_aside() == [UnreadableRelease("1:9", "v9.0.0")]
        assert await letters.inbox.pending() == [OLD, NEW]

    async def test_dismissed_entry_is_gone(self, letters: Letters) -> None:
        for key in ("1:8", "1:9"):
            await letters.put_unreadable(key, "v9.0.0")
        kept, gone = sorted(await letters.inbox.set_aside(), key=lambda release: release.key)
        await letters.inbox.dismiss([])
        await letters.inbox.dismiss([gone])
        assert await letters.inbox.set_aside() == [kept]

    async def test_unavailable_inbox_raises_a_named_error(self, away: Inbox) -> None:
        with pytest.raises(LedgerUnavailable):
            await away.ping()
        with pytest.raises(LedgerUnavailable):
            await away.pending()
        with pytest.raises(LedgerUnavailable):
            await away.taken([OLD])
        with pytest.raises(LedgerUnavailable):
            await away.set_aside()
        with pytest.raises(LedgerUnavailable):
            await away.dismiss([UnreadableRelease("1:9")])
        with pytest.raises(LedgerUnavailable):
            await away.ignore(IGNORED)
        with pytest.raises(LedgerUnavailable):
            await away.ignored()
        with pytest.raises(LedgerUnavailable):
            await away.withdraw(withdrawal(SIGNED, until=None))
        with pytest.raises(LedgerUnavailable):
            await away.withdrawals()


class FakeLetters:
    def __init__(self) -> None:
        self.inbox = FakeInbox(Fuse())

    async def put(self, *releases: Release) -> None:
        self.inbox.put(*releases)

    async def put_unreadable(self, key: str, tag: str) -> None:
        self.inbox.unreadable.append(UnreadableRelease(key, tag))


class LedgerLetters:
    def __init__(self, ledger: Ledger, pool: ArqRedis) -> None:
        self.inbox, self._pool = ledger, pool

    async def put(self, *releases: Release) -> None:
        for release in releases:
            await self.inbox.accept(release)

    async def put_unreadable(self, key: str, tag: str) -> None:
        """Another version's trigger is unknown to this one."""
        await self._pool.hset(self.inbox.key("pending"), key, json.dumps({"tag": tag, "trigger": "schedule"}))  # type: ignore[misc]


class TestFakeInbox(InboxContract):
    @pytest.fixture
    def letters(self) -> Letters:
        return FakeLetters()

    @pytest.fixture
    def away(self) -> Inbox:
        inbox = FakeInbox(Fuse())
        inbox.away = True
        return inbox


@pytest.mark.redis
class TestLedger(InboxContract):
    @pytest.fixture
    def letters(self, ledger: Ledger, pool: ArqRedis) -> Letters:
        return LedgerLetters(ledger, pool)

    @pytest.fixture
    async def away(self) -> AsyncIterator[Inbox]:
        unreachable = Redis.from_url("redis://127.0.0.1:1/0")
        yield Ledger(unreachable, "x")
        await unreachable.aclose()
