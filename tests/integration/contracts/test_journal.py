"""The contract of the journal port, tested on the fake and on the file."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from app.domain.errors import StaleWorker
from app.domain.state import State
from tests.examples import a_release
from tests.fakes.clock import FakeClock
from tests.fakes.disk import DAMAGED, FakeDisk, FakeJournal
from tests.fakes.fuse import Fuse
from workers.adapters.disk.journal import FileJournal
from workers.ports import Journal

AT_ONCE = 20


class Disk(Protocol):
    """A disk with a state file. `journal` is a new worker's view of it; `taken`: whether its lease was taken over."""

    def journal(self, taken: Callable[[], bool] = ...) -> Journal: ...
    def damage(self) -> None:
        """Makes the state file unreadable; its previous copy stays."""

    def remove(self) -> None:
        """Removes the state file; its previous copy stays."""

    def damage_both(self) -> None: ...


class JournalContract:
    @pytest.fixture
    def journal(self, disk: Disk) -> Journal:
        return disk.journal()

    async def test_a_journal_begins_with_a_new_state(self, journal: Journal) -> None:
        assert journal.state == State()

    async def test_a_transition_is_applied_and_returned(self, journal: Journal) -> None:
        assert await journal.update(lambda s: s.pause("why")) == State(paused=True, pause_reason="why")
        assert journal.state == State(paused=True, pause_reason="why")

    async def test_transitions_build_on_each_other(self, journal: Journal) -> None:
        await journal.update(lambda s: s.take_over())
        await journal.update(lambda s: s.take_over().pause("why"))
        assert (journal.state.epoch, journal.state.pause_reason) == (2, "why")

    async def test_noop_transition_is_no_error(self, journal: Journal) -> None:
        await journal.update(lambda s: s.pause("why"))
        assert await journal.update(lambda s: s) == journal.state

    async def test_concurrent_transitions_all_count(self, journal: Journal) -> None:
        releases = [a_release(f"v1.{n}.0") for n in range(AT_ONCE)]
        await asyncio.gather(*(journal.update(lambda s, r=r: s.accept(r)) for r in releases))  # type: ignore[misc]
        assert {r.tag for r in journal.state.accepted} == {r.tag for r in releases}

    async def test_a_transition_that_fails_changes_nothing(self, journal: Journal) -> None:
        def fail(state: State) -> State:
            raise ZeroDivisionError

        await journal.update(lambda s: s.pause("why"))
        with pytest.raises(ZeroDivisionError):
            await journal.update(fail)
        assert journal.state == State(paused=True, pause_reason="why")
        assert await journal.update(lambda s: s.pause("later")) == State(paused=True, pause_reason="later")

    async def test_a_cancelled_write_is_completed_first(self, journal: Journal, disk: Disk) -> None:
        writing = asyncio.create_task(journal.update(lambda s: s.pause("why")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        writing.cancel()
        later = await journal.update(lambda s: s.take_over())
        assert (later.pause_reason, later.epoch) == ("why", 1)
        assert disk.journal().state == later
        with pytest.raises(asyncio.CancelledError):
            await writing

    async def test_a_new_worker_reads_what_was_written(self, journal: Journal, disk: Disk) -> None:
        await journal.update(lambda s: s.pause("why"))
        assert (disk.journal().state, disk.journal().lost) == (journal.state, None)

    async def test_previous_copy_replaces_a_damaged_file(self, journal: Journal, disk: Disk) -> None:
        before = await journal.update(lambda s: s.pause("before"))
        await journal.update(lambda s: s.pause("last"))
        disk.damage()
        assert disk.journal().state == before
        assert "previous copy" in str(disk.journal().lost)

    async def test_previous_copy_has_an_acknowledged_call(self, journal: Journal, disk: Disk) -> None:
        await journal.update(lambda s: s.pause("before"))
        called = await journal.update(lambda s: s.pause("by an operator"), both=True)
        assert disk.journal().state == called
        disk.damage()
        assert disk.journal().state == called

    async def test_two_damaged_copies_are_a_lost_state(self, journal: Journal, disk: Disk) -> None:
        await journal.update(lambda s: s.pause("before"))
        await journal.update(lambda s: s.pause("last"))
        disk.damage_both()
        assert (disk.journal().state, "could not be read" in str(disk.journal().lost)) == (State(), True)

    async def test_damaged_file_does_not_become_the_copy(self, journal: Journal, disk: Disk) -> None:
        before = await journal.update(lambda s: s.pause("before"))
        await journal.update(lambda s: s.pause("last"))
        disk.damage()
        await disk.journal().update(lambda s: s.pause("after"))
        assert disk.journal().state.pause_reason == "after"
        disk.damage()
        assert disk.journal().state == before

    async def test_stale_worker_is_refused_and_keeps_state(self, journal: Journal, disk: Disk) -> None:
        before = await journal.update(lambda s: s.take_over())
        await disk.journal().update(lambda s: s.take_over())
        with pytest.raises(StaleWorker):
            await journal.check()
        with pytest.raises(StaleWorker):
            await journal.update(lambda s: s.pause("from the past"))
        assert journal.state == before
        assert disk.journal().state == State(epoch=2)

    async def test_of_two_workers_one_begins_an_epoch(self, journal: Journal, disk: Disk) -> None:
        await journal.update(lambda s: s.take_over())
        one, other = disk.journal(), disk.journal()
        await one.update(lambda s: s.take_over())
        with pytest.raises(StaleWorker):
            await other.update(lambda s: s.take_over())
        assert disk.journal().state == State(epoch=2)

    @pytest.mark.parametrize("lost", ["removed", "damaged"])
    async def test_worker_whose_lease_was_taken_is_refused(self, disk: Disk, lost: str) -> None:
        """The file no longer says that another worker wrote it."""
        takeovers: list[str] = []
        suspended = disk.journal(lambda: bool(takeovers))
        await suspended.update(lambda s: s.take_over())
        takeovers.append("another worker's")
        disk.remove() if lost == "removed" else disk.damage()
        with pytest.raises(StaleWorker):
            await suspended.check()
        with pytest.raises(StaleWorker):
            await suspended.update(lambda s: s.pause("from the past"))
        only = disk.journal()
        await only.check()
        assert await only.update(lambda s: s.pause("now")) == only.state


class MemoryDisk:
    def __init__(self) -> None:
        self._disk = FakeDisk()

    def journal(self, taken: Callable[[], bool] = lambda: False) -> Journal:
        journal = FakeJournal(FakeClock(), Fuse(), self._disk, taken)
        journal.load()
        return journal

    def damage(self) -> None:
        self._disk.file = DAMAGED

    def remove(self) -> None:
        self._disk.file = None

    def damage_both(self) -> None:
        self._disk.file = self._disk.previous = DAMAGED


class Directory:
    def __init__(self, path: Path) -> None:
        self._path = path

    def journal(self, taken: Callable[[], bool] = lambda: False) -> Journal:
        journal = FileJournal(self._path, taken)
        journal.load()
        return journal

    def damage(self) -> None:
        self._path.write_bytes(self._path.read_bytes()[:-20])

    def remove(self) -> None:
        self._path.unlink()

    def damage_both(self) -> None:
        self.damage()
        previous = self._path.with_name(self._path.name + ".previous")
        previous.write_bytes(previous.read_bytes()[:-20])


class TestFakeJournal(JournalContract):
    @pytest.fixture
    def disk(self) -> Disk:
        return MemoryDisk()


class TestFileJournal(JournalContract):
    @pytest.fixture
    def disk(self, tmp_path: Path) -> Disk:
        return Directory(tmp_path / "state.json")
