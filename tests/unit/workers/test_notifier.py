"""The notifier in virtual time, with fakes; real targets are in tests/integration/test_notifier.py."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from app.domain.errors import StaleWorker
from app.domain.notices.notice import Kind, Notice
from tests.examples import NOW
from tests.fakes.clock import FakeClock
from tests.fakes.disk import FakeDisk
from tests.fakes.notices.targets import FakeNoticeFile, FakeTarget, NoticeDisk
from tests.running import running
from workers.adapters.notifier import AppriseNotifier, Patience
from workers.ports.mutation import no_fence

PATIENCE = Patience(send=20, first_pause=1, longest_pause=60, give_up=900)
FRIEND, OTHER = "friend", "other"
DAY = 86400.0

Make = Callable[..., AppriseNotifier]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def disk() -> NoticeDisk:
    return NoticeDisk(FakeDisk())


@pytest.fixture
def targets() -> dict[str, FakeTarget]:
    return {url: FakeTarget(url) for url in (FRIEND, OTHER)}


@pytest.fixture
def make(clock: FakeClock, disk: NoticeDisk, targets: dict[str, FakeTarget]) -> Make:
    """Makes the notifier of a new process. `fence`: it raises StaleWorker when another worker has taken over."""
    return lambda fence=no_fence: AppriseNotifier(
        list(targets),
        frozenset(Kind),
        FakeNoticeFile(disk, fence),
        clock,
        patience=PATIENCE,
        begin=lambda url, notice: targets[url].begin(notice),
    )


def a_notice(event: str = "e1") -> Notice:
    return Notice(event, Kind.LIVE, f"shop: {event}", "It is live.")


@pytest.mark.parametrize("ahead", [DAY, -DAY])
async def test_set_clock_drops_no_message(
    make: Make, clock: FakeClock, targets: dict[str, FakeTarget], ahead: float
) -> None:
    targets[FRIEND].refuses = True
    notifier = make()
    async with running(notifier):
        notifier.notify(a_notice())
        await asyncio.sleep(5)
        clock.set_ahead = ahead
        await asyncio.sleep(800)
        assert notifier.counts()["given_up"] == 0
        await asyncio.sleep(200)
        assert (notifier.counts()["given_up"], notifier.counts()["waiting"]) == (1, 0)


async def test_answer_at_the_last_moment_counts(make: Make, targets: dict[str, FakeTarget]) -> None:
    """It arrives when the wait for it ends."""
    targets[FRIEND].seconds = PATIENCE.send / 2
    notifier = make()
    async with running(notifier):
        notifier.notify(a_notice())
        await asyncio.sleep(300)
        assert (len(targets[FRIEND].got), notifier.counts()["waiting"]) == (1, 0)


async def test_late_answer_counts(make: Make, targets: dict[str, FakeTarget]) -> None:
    targets[FRIEND].hangs = True
    notifier = make()
    async with running(notifier):
        notifier.notify(a_notice())
        await asyncio.sleep(100)
        targets[FRIEND].go_on()
        await asyncio.sleep(100)
        assert notifier.counts()["sent"] == 2
    assert [notice.id for notice in targets[FRIEND].got] == ["e1"]


async def test_event_that_is_due_again_is_sent_again(make: Make, targets: dict[str, FakeTarget]) -> None:
    """Such as an alarm that ended: the answer to its first message says nothing of the second one."""
    notifier = make()
    async with running(notifier):
        for _ in range(2):
            notifier.notify(a_notice())
            await asyncio.sleep(5)
            notifier.settle("", before=NOW + timedelta(days=1))
    assert [[notice.id for notice in target.got] for target in targets.values()] == [["e1", "e1"]] * 2


async def test_late_refusal_is_retried(make: Make, targets: dict[str, FakeTarget]) -> None:
    targets[FRIEND].hangs = targets[FRIEND].unheard = targets[FRIEND].refuses = True
    notifier = make()
    async with running(notifier):
        notifier.notify(a_notice())
        await asyncio.sleep(100)
        targets[FRIEND].go_on()
        targets[FRIEND].refuses = False
        await asyncio.sleep(100)
        assert (notifier.counts()["sent"], notifier.counts()["waiting"]) == (2, 0)


async def test_a_replaced_worker_leaves_the_book_to_the_next(make: Make, targets: dict[str, FakeTarget]) -> None:
    """Two workers have the same message. The first one ends with it, as the other has written the book since."""
    taken: list[str] = []

    def fence() -> None:
        if taken:
            raise StaleWorker("another worker has taken over")

    targets[FRIEND].hangs = targets[OTHER].hangs = True
    before = make(fence)
    async with running(before):
        for event in ("e1", "e2"):
            before.notify(a_notice(event))
        await asyncio.sleep(5)
        taken.append("the next worker")
        after = make()
        after.notify(a_notice("e3"))
        for target in targets.values():
            target.go_on()
        await asyncio.sleep(100)
        before.notify(a_notice("e4"))
        await asyncio.sleep(100)
    assert [notice.id for notice in targets[FRIEND].got] == ["e1"]
    assert make().counts()["waiting"] == 6, "three messages for two targets, all of which the next worker sends"


async def test_waiting_worker_takes_over_the_latest_book(make: Make, targets: dict[str, FakeTarget]) -> None:
    """A worker is made while the one before still sends: it waits for the lease."""
    targets[FRIEND].refuses = True
    before = make()
    async with running(before):
        after = make()
        before.notify(a_notice())
        await asyncio.sleep(5)
    targets[FRIEND].refuses = False
    async with running(after):
        after.notify(a_notice("e2"))
        await asyncio.sleep(100)
    assert [notice.id for notice in targets[FRIEND].got] == ["e1", "e2"]
    assert [notice.id for notice in targets[OTHER].got] == ["e1", "e2"]


async def test_unwritable_file_stops_no_message(make: Make, disk: NoticeDisk, targets: dict[str, FakeTarget]) -> None:
    disk.full = True
    notifier = make()
    async with running(notifier):
        notifier.notify(a_notice())
        await asyncio.sleep(5)
    assert [len(target.got) for target in targets.values()] == [1, 1]
