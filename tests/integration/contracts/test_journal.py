"""The contract of the journal port, tested on the fake and on the file."""

import asyncio
from pathlib import Path

import pytest

from app.domain.errors import StaleWorker
from app.domain.state import State
from tests.examples import a_release
from tests.fakes.world import World
from workers.adapters.disk.journal import FileJournal
from workers.ports import Journal

AT_ONCE = 20


class JournalContract:
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

    async def test_stale_worker_is_refused_and_keeps_state(self, overtaken: Journal) -> None:
        before = overtaken.state
        with pytest.raises(StaleWorker):
            await overtaken.update(lambda s: s.pause("from the past"))
        assert overtaken.state == before


class TestFakeJournal(JournalContract):
    @pytest.fixture
    def world(self) -> World:
        return World()

    @pytest.fixture
    def journal(self, world: World) -> Journal:
        return world.journal

    @pytest.fixture
    async def overtaken(self, world: World) -> Journal:
        await world.journal.update(lambda s: s.take_over())
        world.journal.epoch = 2
        return world.journal


class TestFileJournal(JournalContract):
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "state.json"

    @pytest.fixture
    def journal(self, path: Path) -> Journal:
        return FileJournal(path)

    @pytest.fixture
    async def overtaken(self, path: Path) -> Journal:
        overtaken = FileJournal(path)
        await overtaken.update(lambda s: s.take_over())
        later = FileJournal(path)
        later.load()
        await later.update(lambda s: s.take_over())
        return overtaken
