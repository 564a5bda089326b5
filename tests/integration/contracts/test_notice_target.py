"""The contract of a target of messages, tested on the fake and, through apprise, on a real HTTP server."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest

from app.domain.notices.notice import Kind, Notice
from tests.fakes.notices.targets import FakeTarget
from tests.integration.listener import Listener, listening
from tests.integration.waiting import until
from workers.adapters.notifier import Trying, begin_delivery

NOTICE = Notice("e1", Kind.LIVE, "shop: e1", "It is live.")


class Friend(Protocol):
    """A target. `got` are the titles of the messages that it has."""

    def begin(self) -> Trying: ...
    def refuse(self) -> None: ...
    def hang(self) -> None: ...
    def go_on(self) -> None: ...
    @property
    def got(self) -> list[str]: ...
    async def until(self, holds: Callable[[], bool]) -> None: ...


class TargetContract:
    async def test_accepted_message_arrives(self, friend: Friend) -> None:
        trying = friend.begin()
        await friend.until(trying.done)
        assert (trying.result(), friend.got) == (None, ["shop: e1"])

    async def test_refusal_has_a_reason(self, friend: Friend) -> None:
        friend.refuse()
        trying = friend.begin()
        await friend.until(trying.done)
        assert "500" in (trying.result() or "")

    async def test_hanging_target_has_the_message(self, friend: Friend) -> None:
        friend.hang()
        trying = friend.begin()
        await friend.until(lambda: bool(friend.got))
        assert (trying.done(), friend.got) == (False, ["shop: e1"])
        friend.go_on()
        await friend.until(trying.done)

    async def test_begin_does_not_wait(self, friend: Friend) -> None:
        assert not friend.begin().cancel(), "a try that runs cannot be cancelled"


async def _virtual(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - virtual time
        await asyncio.sleep(0.01)


class TestFakeTarget(TargetContract):
    @pytest.fixture
    def friend(self) -> Friend:
        class Fake:
            target = FakeTarget("friend")

            def begin(self) -> Trying:
                return self.target.begin(NOTICE)

            def refuse(self) -> None:
                self.target.refuses = True

            def hang(self) -> None:
                self.target.hangs = True

            def go_on(self) -> None:
                self.target.go_on()

            @property
            def got(self) -> list[str]:
                return [notice.title for notice in self.target.got]

            async def until(self, holds: Callable[[], bool]) -> None:
                await _virtual(holds)

        return Fake()


class TestTarget(TargetContract):
    @pytest.fixture
    def listener(self) -> Iterator[Listener]:
        with listening() as one:
            yield one

    @pytest.fixture
    def friend(self, listener: Listener) -> Friend:
        class Real:
            def begin(self) -> Trying:
                return begin_delivery(listener.url, NOTICE)

            def refuse(self) -> None:
                listener.status = 500

            def hang(self) -> None:
                listener.status = None

            def go_on(self) -> None:
                listener.closing.set()

            @property
            def got(self) -> list[str]:
                return listener.titles()

            async def until(self, holds: Callable[[], bool]) -> None:
                await until(holds)

        return Real()
