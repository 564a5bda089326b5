"""The state file is damaged or missing, or cannot be written."""

import asyncio
import contextlib
import itertools
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import yaml
from structlog.testing import capture_logs

from deploy.demo.environment import Environment
from tests.faults.kill_points import until
from tests.faults.observers import history
from tests.faults.rows.route import agreed
from tests.faults.scenario import Scenario, Skipped, row
from tests.faults.stage import Stage
from workers.adapters.disk.journal import FileJournal

GARBAGE = b"\x00\xff{ this is no state"
READ_SECONDS = 0.001
DISK_MB = 96


def _copies(stage: Stage) -> list[Path]:
    file = stage.journal_file
    return [f for f in (file, file.with_name(f"{file.name}.previous")) if f.exists()]


def _truncated(stage: Stage) -> None:
    file = stage.journal_file
    os.truncate(file, file.stat().st_size // 2)


def _corrupt(stage: Stage) -> None:
    for file in _copies(stage):
        file.write_bytes(GARBAGE)


def _missing(stage: Stage) -> None:
    for file in _copies(stage):
        file.unlink()


WAYS: dict[str, Callable[[Stage], None]] = {"truncated": _truncated, "corrupt": _corrupt, "missing": _missing}


@row(7, "the journal truncated, corrupt, missing", "rebuilt from reality, paused with the reason; D", minutes=1.8)
async def journal_lost(scenario: Scenario) -> None:
    for what, spoil in WAYS.items():
        old, kept = await scenario.live_tag(), await scenario.idle_kept()
        scenario.stage.kill()
        spoil(scenario.stage)
        scenario.stage.home.start("worker")
        await scenario.went_back(old, f"the journal was {what}", idle_kept=kept)
        await scenario.went_live(await scenario.publish(), f"the release after the journal was {what}")
    await _lost_in_mid_rollout(scenario)


async def _lost_in_mid_rollout(scenario: Scenario) -> None:
    """The containers it had started are stopped; a release answered with 202 is decided once an operator unpauses."""
    old, tag = await scenario.live_tag(), await scenario.publish()
    await scenario.reach(tag, "health_skills")
    scenario.stage.kill()
    _missing(scenario.stage)
    scenario.stage.home.start("worker")
    await until(scenario.stage, None, lambda state: bool(state.get("paused")))
    scenario.last_tag = None  # the release is undecided while it waits
    await scenario.went_back(old, "the journal was missing after a crash")
    await scenario.went_live(tag, "a release whose rollout was in the lost journal")


@row(25, "the power is cut at each write of the journal", "the old or the new state, never a torn one", minutes=0.4)
async def power_cut_at_each_write(scenario: Scenario) -> None:
    writes: list[bytes] = []
    problems: list[str] = []
    file = scenario.stage.journal_file
    file.with_name(f"{file.name}.previous").unlink(missing_ok=True)  # so that these writes make it
    reading = asyncio.create_task(_record(file, writes, problems))
    await scenario.went_live(await scenario.publish(), "the rollout whose writes were recorded")
    reading.cancel()
    scenario.result.expect(not problems, f"problems in {len(writes)} writes: {sorted(set(problems))}")
    scenario.result.repeats = len(writes) - 1
    pairs = list(itertools.pairwise(writes))
    with capture_logs():  # each cut logs an error
        torn = [n for n, (old, new) in enumerate(pairs) for cut in _cuts(new) if not _survives(old, new, cut)]
    scenario.result.expect(not torn, f"after a cut in writes {torn} no copy can be loaded")
    scenario.result.notes.append(
        f"{len(writes)} states were seen on disk; each was cut in {len(_cuts(b'12345678'))} places"
    )


async def _record(file: Path, writes: list[bytes], problems: list[str]) -> None:
    """Records each state on disk.

    The file of the state before is kept open: its content must not change, because the new state is another file.
    From the second state on there must be a copy of the state before.
    """
    kept: BinaryIO | None = None
    while True:
        if (now := _read(file)) and now not in writes[-1:]:
            if kept is not None:
                problems += _problems_of(file, kept, writes[-1])
                kept.close()
            kept = file.open("rb")
            now = kept.read()
            writes.append(now)
        await asyncio.sleep(READ_SECONDS)


def _problems_of(file: Path, kept: BinaryIO, before: bytes) -> list[str]:
    kept.seek(0)
    in_place = [] if kept.read() == before else ["the state was written in place, not renamed in"]
    copy = FileJournal(file.with_name(f"{file.name}.previous"))
    copy.load()
    whole = copy.lost is None and not copy.state.is_blank
    return [*in_place, *([] if whole else ["the copy of the state before is missing, or cannot be loaded"])]


def _read(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


def _cuts(content: bytes) -> list[int]:
    size = len(content)
    return [0, 1, size // 4, size // 2, 3 * size // 4, size - 1]


def _survives(old: bytes, new: bytes, cut: int) -> bool:
    """Whether a state can be loaded: the old one before the rename, the new one after it, the copy if it is torn."""
    with tempfile.TemporaryDirectory() as name:
        path, staged = Path(name) / "state.json", Path(name) / ".state.json.1"
        staged.write_bytes(new[:cut])
        path.write_bytes(old)
        before = FileJournal(path)
        kept = before.load()
        path.with_name("state.json.previous").write_bytes(old)
        path.write_bytes(new)
        after = FileJournal(path)
        after.load()
        path.write_bytes(new[:cut])
        torn = FileJournal(path)
        return before.lost is None and after.lost is None and torn.load() == kept and torn.lost is not None


def small_disk(home: Environment) -> None:
    """Makes the data directory a filesystem of DISK_MB; the stack's `needs` are lowered to fit."""
    if os.geteuid() != 0:
        return
    data = home.directory / "data"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(data)], check=True, timeout=300)
    file = home.directory / "stack.yml"
    stack = yaml.safe_load(file.read_text()) | {"needs": {"disk_gb": 0.001, "memory_mb": 256}}
    file.write_text(yaml.safe_dump(stack, sort_keys=False))


@row(11, "the disk is full: before, in checkout, build, journal, hand-over",
     "A D F; space is freed; a clear error", fresh=True, prepare=small_disk, minutes=1.1)  # fmt: skip
async def disk_full(scenario: Scenario) -> None:
    data = scenario.stage.journal_file.parent
    if not _is_mount(data):
        raise Skipped("only root can mount a small filesystem")
    for step in ("git_checkout_tag", "docker_build", "health_skills", "route_switch", "restart_bot"):
        what = f"the disk was full from {step} on"
        async with scenario.part(what):
            tag = await scenario.publish()
            await scenario.reach(tag, step)
            filled = _fill(data)
            try:
                await _decided(scenario, tag, what)  # while the disk is full: the reserve suffices to end a rollout
            finally:
                filled.unlink()
    scenario.result.notes.append("the route's staging directory is on another filesystem in this row")


def _is_mount(directory: Path) -> bool:
    return directory.is_mount()


def _fill(directory: Path) -> Path:
    """Fills the filesystem to its last byte, at most DISK_MB."""
    file = directory / "filled"
    with file.open("wb", buffering=0) as handle, contextlib.suppress(OSError):
        for size in (1024 * 1024, 4096, 1):
            with contextlib.suppress(OSError):
                for _ in range(DISK_MB * 1024 * 1024 // size if size > 1 else 4096):
                    handle.write(b"x" * size)
    return file


async def _decided(scenario: Scenario, tag: str, what: str) -> None:
    await agreed(scenario, what)
    entries = [e for e in await history(scenario.stage) if e["tag"] == tag]
    live = await scenario.live_tag() == tag
    clear = live or any("space" in (e["error"] or "").lower() or "disk" in (e["error"] or "").lower() for e in entries)
    reasons = [e["error"] for e in entries]
    scenario.result.expect(clear, f"{what}: {tag} is not live, and its error does not mention the disk: {reasons}")
