# ruff: noqa: ASYNC221, ASYNC240 - a test may block
import asyncio
import contextlib
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import BakeFailed, StaleWorker, StateOfLaterVersion
from app.domain.ran import Ran
from app.domain.release import Trigger
from app.domain.required_checks import JudgedChecks, Standing
from app.domain.stack import Color
from app.domain.state import SCHEMA, State
from app.domain.step import StepId, StepKind, step_named
from tests.examples import NOW, a_live, a_release, a_rollout, sha_of
from workers.adapters.disk.journal import (
    RESERVE_BYTES,
    FileJournal,
    decode,
    encode,
)
from workers.adapters.disk.one_writer import one_writer

ROLLOUT = (
    a_rollout(sha=sha_of("v1.1.0"), replaced={"bot": "c1"}, followed={"queue": ("c2", "c3")}, warnings=("slow",))
    .begin(step_named("preflight"), NOW)
    .end(
        step_named("preflight"),
        1.5,
        {"disk_gb": 3.2, "images": {"api": "sha256:1"}, "latency_ms": [1, 2], "color": None},
    )
    .begin(step_named("bake"), NOW)
    .roll_back(BakeFailed(), "bake: it died\n  | líne")
)
FULL = State(
    active_color=Color.BLUE,
    last_good_tag="v1.0.0",
    paused=True,
    pause_reason="why",
    last_checked_at=NOW,
    last_attempted_tag="v1.1.0",
    last_success_at=NOW,
    last_failure_at=NOW,
    resumed_at=NOW,
    epoch=7,
    current=a_live("v1.0.0"),
    previous=a_live("v0.9.0"),
    rollout=ROLLOUT,
    accepted=(
        a_release("v1.2.0", delivery="d-1"),
        a_release("v1.3.0", force=True, trigger=Trigger.RECOVERY, attempts=2),
        a_release("v1.4.0", checks=JudgedChecks(Standing.WAITING, "Not finished: build.", sha_of("v1.4.0"))),
    ),
    ran=(Ran("a" * 40, "skills", ("migrate", "up"), completed=True, services=("skills-blue", "skills-green")),),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "updater-state.json"


@pytest.fixture
def journal(path: Path) -> FileJournal:
    path.parent.mkdir()
    return FileJournal(path)


def becomes(state: State) -> Any:
    return lambda _: state


@pytest.mark.parametrize("state", [State(), FULL])
def test_state_survives_a_round_trip(state: State) -> None:
    assert decode(encode(state)) == state


def test_file_has_the_fields_other_programs_read() -> None:
    fields = json.loads(encode(FULL))
    assert {name: fields[name] for name in ("active_color", "last_good_tag", "paused", "pause_reason")} == {
        "active_color": "blue",
        "last_good_tag": "v1.0.0",
        "paused": True,
        "pause_reason": "why",
    }
    assert {"last_checked_at", "last_attempted_tag", "last_success_at", "last_failure_at", "resumed_at"} <= set(fields)
    assert (fields["schema"], fields["epoch"], len(fields["checksum"])) == (SCHEMA, 7, 64)


def test_a_torn_file_is_never_read_as_a_state() -> None:
    whole = encode(FULL)
    for length in range(len(whole)):
        with pytest.raises(ValueError, match=r"."):
            decode(whole[:length])


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: whole.replace(b'"epoch": 7', b'"epoch": 8'),
        lambda whole: whole.replace(b'"paused": true', b'"paused": false'),
        lambda whole: whole.replace(b"checksum", b"checksun"),
        lambda whole: b"\xff" + whole,
        lambda whole: b"\x00" * len(whole),
        lambda _: b"[]",
        lambda _: b"{}",
    ],
)
def test_a_changed_file_is_never_read_as_a_state(change: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(change(encode(FULL)))


def test_a_later_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="schema"):
        decode(encode(replace(FULL, schema=SCHEMA + 1)))


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


RECORDED = Path(__file__).parents[4] / "samples" / "state"


def test_state_with_step_names_can_be_read() -> None:
    """Recorded with the version of 2026-11-26, during a rollout's hand-over."""
    state = decode((RECORDED / "2026-11-26-restart_bot.json").read_bytes())
    assert state.rollout is not None
    assert state.rollout.running == StepId(StepKind.RESTART, "bot")
    assert state.rollout.past_flip
    assert [(step.kind, step.subject) for step in state.rollout.completed][4:7] == [
        (StepKind.BEFORE_FLIP, "1_skills"),
        (StepKind.START, "skills"),
        (StepKind.HEALTH, "skills"),
    ]
    assert state.rollout.completed[-1] == StepId(StepKind.HEALTH_ROUTED, "skills")


def test_state_keeps_step_names_for_old_versions() -> None:
    steps = json.loads(encode(FULL))["rollout"]["steps"]
    assert [step["name"] for step in steps] == ["preflight", "bake"]


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
