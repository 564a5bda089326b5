# ruff: noqa: ASYNC221, ASYNC240 - a test may block
import asyncio
import contextlib
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import StaleWorker, StateOfLaterVersion
from app.domain.state import SCHEMA, State
from tests.examples import a_release
from tests.unit.workers.adapters.disk.test_state_json import FULL
from workers.adapters.disk.journal import RESERVE_BYTES, FileJournal
from workers.adapters.disk.one_writer import one_writer
from workers.adapters.disk.state_json import decode, encode


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "updater-state.json"


@pytest.fixture
def journal(path: Path) -> FileJournal:
    path.parent.mkdir()
    return FileJournal(path)


def becomes(state: State) -> Any:
    return lambda _: state


def test_later_versions_file_is_not_overwritten(journal: FileJournal, path: Path) -> None:
    later = encode(replace(FULL, schema=SCHEMA + 1))
    path.write_bytes(later)
    path.with_name("updater-state.json.previous").write_bytes(encode(FULL))
    with pytest.raises(StateOfLaterVersion, match="traffic is not affected"):
        journal.load()
    assert path.read_bytes() == later


def test_missing_file_yields_a_new_state(journal: FileJournal) -> None:
    assert journal.load() == State()


async def test_a_write_is_on_disk_when_the_call_returns(journal: FileJournal, path: Path) -> None:
    assert await journal.update(becomes(FULL)) == FULL
    assert journal.state == FULL
    assert FileJournal(path).load() == FULL
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_previous_copy_is_kept(journal: FileJournal, path: Path) -> None:
    await journal.update(becomes(FULL))
    await journal.update(lambda s: s.pause("later"))
    previous = path.with_name("updater-state.json.previous")
    assert decode(previous.read_bytes()) == FULL
    assert stat.S_IMODE(previous.stat().st_mode) == 0o600
    names = {p.name.removeprefix("updater-state.json") for p in path.parent.iterdir()}
    assert names == {"", ".previous", ".reserve"}, "writing leaves no temporary file"


async def test_concurrent_updates_all_count(journal: FileJournal) -> None:
    await asyncio.gather(*(journal.update(lambda s, n=n: s.accept(a_release(f"v1.{n}.0"))) for n in range(20)))  # type: ignore[misc]
    assert len(journal.state.accepted) == 20


async def test_torn_file_falls_back_to_the_copy(journal: FileJournal, path: Path) -> None:
    await journal.update(becomes(State(epoch=1)))
    await journal.update(becomes(State(epoch=2)))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert FileJournal(path).load() == State(epoch=1)


async def test_missing_file_falls_back_to_the_copy(journal: FileJournal, path: Path) -> None:
    await journal.update(becomes(State(epoch=1)))
    await journal.update(becomes(State(epoch=2)))
    path.unlink()
    assert FileJournal(path).load() == State(epoch=1)


async def test_fallback_to_the_copy_is_reported(journal: FileJournal, path: Path) -> None:
    await journal.update(becomes(State(epoch=1)))
    await journal.update(becomes(State(epoch=2)))
    assert (journal.load().epoch, journal.lost) == (2, None)
    path.write_bytes(b"{")
    assert (journal.load().epoch, "previous copy" in str(journal.lost)) == (1, True)


async def test_two_unreadable_copies_are_reported(path: Path) -> None:
    for copy in (path, path.with_name(path.name + ".previous")):
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(b"{")
    journal = FileJournal(path)
    assert (journal.load(), "could not be read" in str(journal.lost)) == (State(), True)


async def test_torn_file_never_replaces_the_good_copy(journal: FileJournal, path: Path) -> None:
    await journal.update(becomes(State(epoch=1)))
    await journal.update(becomes(State(epoch=2)))
    path.write_bytes(b"{")
    after = FileJournal(path)
    after.load()
    await after.update(lambda s: s.pause("later"))
    path.unlink()
    assert FileJournal(path).load().epoch == 1


async def test_a_worker_with_an_older_epoch_is_refused(journal: FileJournal, path: Path) -> None:
    await journal.update(lambda s: s.take_over())
    later = FileJournal(path)
    later.load()
    await later.update(lambda s: s.take_over())
    with pytest.raises(StaleWorker):
        await journal.update(lambda s: s.pause("from the past"))
    assert journal.state == State(epoch=1)
    assert FileJournal(path).load() == State(epoch=2)


async def test_replaced_worker_fails_the_check(journal: FileJournal, path: Path) -> None:
    await journal.update(lambda s: s.take_over())
    await journal.check()
    later = FileJournal(path)
    later.load()
    await later.update(lambda s: s.take_over())
    with pytest.raises(StaleWorker):
        await journal.check()
    await later.check()


async def test_unreadable_journal_passes_the_check(journal: FileJournal, path: Path) -> None:
    await journal.update(lambda s: s.take_over())
    path.write_bytes(b"{")
    await journal.check()


async def test_a_write_that_fails_changes_nothing(journal: FileJournal, path: Path) -> None:
    await journal.update(becomes(State(epoch=1)))
    path.parent.rename(path.parent.with_name("away"))
    with pytest.raises(OSError, match=r"."):
        await journal.update(becomes(State(epoch=2)))
    path.parent.with_name("away").rename(path.parent)
    assert journal.state == State(epoch=1)
    assert FileJournal(path).load() == State(epoch=1)


@pytest.mark.skipif(os.geteuid() != 0, reason="the test mounts a file system")
async def test_reserve_lets_a_rollout_end_on_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], check=True)
    try:
        journal = FileJournal(disk / "state.json")
        await journal.update(becomes(State(epoch=1)))
        with contextlib.suppress(OSError):
            (disk / "filler").write_bytes(bytes(8 * 1024 * 1024))
        for epoch in range(2, 60):
            await journal.update(becomes(State(epoch=epoch)))
        assert FileJournal(disk / "state.json").load().epoch == 59
        (disk / "filler").unlink()
        await journal.update(becomes(State(epoch=60)))
        assert (disk / "state.json.reserve").stat().st_size == RESERVE_BYTES
    finally:
        subprocess.run(["umount", str(disk)], check=True)


async def test_two_readers_never_share_an_epoch(journal: FileJournal, path: Path) -> None:
    """The first worker was suspended between its read and the epoch that it begins."""
    await journal.update(becomes(FULL))
    first, second = FileJournal(path), FileJournal(path)
    first.load()
    second.load()
    await second.update(lambda s: s.take_over())
    await second.update(lambda s: s.pause("by the second"))
    with pytest.raises(StaleWorker):
        await first.update(lambda s: s.take_over())
    assert FileJournal(path).load() == second.state


async def test_two_workers_never_both_write_the_first_state(journal: FileJournal, path: Path) -> None:
    first, second = FileJournal(path), FileJournal(path)
    for each in (first, second):
        each.load()
    await first.update(lambda s: s.take_over())
    with pytest.raises(StaleWorker):
        await second.update(lambda s: s.take_over())


async def test_later_versions_worker_makes_this_one_stale(journal: FileJournal, path: Path) -> None:
    """It cannot read that worker's file, so it must not take it for a damaged one."""
    await journal.update(becomes(FULL))
    later = encode(replace(FULL, schema=SCHEMA + 1, epoch=FULL.epoch + 1))
    path.write_bytes(later)
    for change in (journal.check(), journal.update(lambda s: s.pause("from the past"))):
        with pytest.raises(StaleWorker):
            await change
    assert path.read_bytes() == later


async def test_write_after_one_that_failed_late(journal: FileJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rename happened, but was not confirmed: the file has what the journal does not know it has."""
    await journal.update(becomes(FULL))
    sync, failures = os.fsync, [OSError(5, "Input/output error")]

    def fail_on_a_directory(handle: int) -> None:
        if failures and stat.S_ISDIR(os.fstat(handle).st_mode) and len(os.listdir(handle)) > 2:
            raise failures.pop()
        sync(handle)

    await journal.update(lambda s: s.pause("the previous copy exists"))
    monkeypatch.setattr(os, "fsync", fail_on_a_directory)
    with pytest.raises(OSError, match="Input/output"):
        await journal.update(lambda s: s.pause("lost?"))
    assert (await journal.update(lambda s: s.pause("later"))).pause_reason == "later"


def test_suspended_write_of_another_worker_is_named(tmp_path: Path) -> None:
    hold = "import fcntl, os, sys; h = os.open(sys.argv[1], 0); fcntl.flock(h, 2); print('held', flush=True); input()"
    command = [sys.executable, "-c", hold, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StaleWorker, match="suspended: end it"), one_writer(tmp_path, limit=0.1):
            pytest.fail("two at once")
        other.kill()
        other.wait()
    with one_writer(tmp_path, limit=0.1):
        pass


async def test_worker_whose_lease_has_ended_changes_nothing(path: Path) -> None:
    """A worker on another machine has a file of its own, so this one says nothing of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ended = False
    journal = FileJournal(path, elsewhere=lambda: ended)
    await journal.update(lambda s: replace(s, epoch=1))
    await journal.check()
    ended = True
    with pytest.raises(StaleWorker, match="another machine"):
        await journal.check()
    with pytest.raises(StaleWorker, match="another machine"):
        await journal.update(lambda s: replace(s, paused=True))
    assert FileJournal(path).load() == State(epoch=1)
