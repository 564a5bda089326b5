"""One row while it is played: its stage, its observers, and the steps from which rows are written."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deploy.demo.client_access import ClientAccess
from deploy.demo.repository import Variant
from tests.faults.kill_points import Point, until_point
from tests.faults.observers import CONVERGE_SECONDS, End, Watch, converge, end_of, history
from tests.faults.stage import Json, Prepare, Stage
from tests.faults.verdict import Result

ROW_SECONDS = 3600.0
ROLLOUT_SECONDS = 120.0
SETTLE_SECONDS = 90.0
PAUSED_SECONDS = 20.0


OnProgress = Callable[[str], None]
"""Receives a row's progress."""


def silent(_: str) -> None:
    """Ignores the progress."""


class Skipped(Exception):
    """The row cannot be played here; the text is the reason."""


@dataclass
class Scenario:
    """`repeat` is the number on the command line; 1 is the quick pass."""

    stage: Stage
    result: Result
    watch: Watch
    repeat: int = 1
    last_tag: str | None = None
    on_progress: OnProgress = silent

    @property
    def quick(self) -> bool:
        return self.repeat == 1

    async def publish(self, variant: Variant = Variant.GOOD, **more: Any) -> str:
        """Tags a new release, announces it as GitHub does, and returns the tag."""
        self.last_tag = tag = self.stage.next_tag()
        self.stage.home.release(tag, variant, **more)
        await self.stage.home.announce(tag)
        return tag

    @contextlib.asynccontextmanager
    async def part(self, what: str) -> AsyncIterator[None]:
        """Plays one of several faults of a row: if it raises an error, the row fails and its other faults still run."""
        try:
            yield
        except Exception as error:
            self.result.expect(False, f"{what}: {type(error).__name__}: {error}")
            await self.stage.home.post("/update/unpause")

    async def live_tag(self) -> str:
        return str((await self.stage.home.get("/status"))["current"]["tag"])

    async def idle_kept(self) -> bool:
        """Whether the idle color's containers exist: they do not in an environment with one release."""
        return (await end_of(self.stage)).idle_kept

    async def ended(self, tag: str, limit: float = ROLLOUT_SECONDS) -> Json:
        """Waits for the entry of the history that decides `tag`. Raises TimeoutError."""
        async with asyncio.timeout(limit * self.stage.patience):
            while True:
                status = await self.stage.home.get("/status")
                entries = [e for e in await history(self.stage) if e["tag"] == tag and e["result"] != "interrupted"]
                if entries and status["state"] == "idle" and tag not in status["held"]:
                    return entries[0]
                await asyncio.sleep(0.1)

    async def reach(self, tag: str, step: str) -> None:
        if not await until_point(self.stage, tag, Point(step)):
            raise TimeoutError(f"{tag} ended before {step}")

    async def went_live(self, tag: str, what: str, limit: float = CONVERGE_SECONDS) -> None:
        """Checks that within `limit` seconds the stack looks like after an undisturbed rollout of `tag`."""
        await self._ends(replace(UNDISTURBED, tag=tag, bot_tag=tag), what, limit)
        successes = [e for e in await history(self.stage) if e["tag"] == tag and e["result"] == "success"]
        self.result.expect(len(successes) == 1, f"{what}: the history has {len(successes)} successes of {tag}")

    async def went_back(self, old: str, what: str, limit: float = CONVERGE_SECONDS, **otherwise: Any) -> None:
        """Checks that `old` is live and intact again, and the updater is paused with a reason; then unpauses it."""
        expected = replace(UNDISTURBED, tag=old, bot_tag=old, paused=True)
        await self._ends(replace(expected, **otherwise), what, limit)
        await self.unpause(what)

    async def unpause(self, what: str) -> None:
        """Unpauses once /status reports the pause: a starting worker publishes its pause a little later."""
        status = await self._paused()
        reason = status["pause_reason"] or ""
        self.result.expect(bool(status["paused"] and len(reason) > 20), f"{what}: paused without a reason: {reason!r}")
        answer = await self.stage.home.post("/update/unpause")
        if answer.status_code == 503:  # on a busy machine the worker may exceed its limit
            self.result.notes.append(f"{what}: unpaused again after {answer.text[:200]}")
            answer = await self.stage.home.post("/update/unpause")
        self.result.expect(
            answer.is_success, f"{what}: the answer to unpause is {answer.status_code} {answer.text[:200]}"
        )

    async def _end_pause(self) -> str:
        """Ends an unexpected pause, which would stop the rest of the row, and returns its reason."""
        reason = self.stage.journal().get("pause_reason")
        if reason is None:
            return ""
        await self.stage.home.post("/update/unpause")
        return f"; the updater was paused: {reason}"

    async def _paused(self) -> Json:
        """The status that reports the pause, or the last one within PAUSED_SECONDS."""
        deadline = time.monotonic() + PAUSED_SECONDS * self.stage.patience
        while True:
            status: Json = await self.stage.home.get("/status")
            if status["paused"] or time.monotonic() > deadline:
                return status
            await asyncio.sleep(0.1)

    async def _ends(self, expected: End, what: str, limit: float) -> None:
        self.result.repeats += 1
        try:
            seconds = await converge(self.stage, expected.tag, limit, decided=self.last_tag)
        except TimeoutError as late:
            self.result.expect(False, f"{what}: {late}{await self._end_pause()}")
            self.on_progress(f"{what}: FAIL")
            return
        self.result.converged(seconds)
        self.on_progress(f"{what}: after {seconds:.1f} s")
        end = await end_of(self.stage)
        self.result.end = str(end).replace(str(end.tag), "the newest" if not expected.paused else "the last good")
        self.result.expect(end == expected, f"{what}: the stack ended as {end}, expected {expected}")


UNDISTURBED = End(
    tag=None,
    active_running=True,
    idle_running=False,
    idle_kept=True,
    bots=1,
    bot_tag=None,
    route_file_agrees=True,
    paused=False,
)

GOES_BACK = {"idle_kept": True}
NEVER_FLIPPED = {"idle_kept": False}
"""The idle color's containers were replaced, and the new ones were discarded."""

Play = Callable[[Scenario], Awaitable[None]]


@dataclass(frozen=True)
class Row:
    """One row of the table. `quiet`: no client request may fail; `fresh`: it needs its own environment.

    `counts`: the row uses the number of repeats itself; otherwise the whole row is repeated.
    `own_engine`: the row ends the Docker Engine, so it needs an engine that was started for it.
    `by_tests`: the row runs a test file again.
    `minutes`: about how long its quick pass takes; the longest rows start first.
    `access`: how clients reach the services; by default, each by plain HTTP and any host name.
    """

    number: int
    fault: str
    holds: str
    play: Play
    quiet: bool = True
    fresh: bool = False
    counts: bool = False
    own_engine: bool = False
    by_tests: bool = False
    minutes: float = 0.5
    access: Mapping[str, ClientAccess] = field(default_factory=dict)
    prepare: Prepare = lambda _: None


ROWS: dict[int, Row] = {}


def row(number: int, fault: str, holds: str, **options: Any) -> Callable[[Play], Play]:
    """Registers the function that plays row `number`: it causes `fault`, and `holds` must hold."""

    def register(play: Play) -> Play:
        ROWS[number] = Row(number, fault, holds, play, **options)
        return play

    return register


async def show(wanted: Row, stage: Stage, repeat: int, slow_seconds: float, on_progress: OnProgress = silent) -> Result:
    """Plays the row under load, whose longest requests take `slow_seconds`, and returns what it showed."""
    result, started = Result(wanted.number, wanted.fault, wanted.holds), time.monotonic()
    async with Watch(stage, slow_seconds) as watch:
        try:
            async with asyncio.timeout(ROW_SECONDS):
                for _ in range(1 if wanted.counts else repeat):
                    await wanted.play(Scenario(stage, result, watch, repeat, on_progress=on_progress))
        except Skipped as why:
            result.skipped = str(why)
        except Exception as error:
            result.expect(False, f"{type(error).__name__}: {error}")
        await watch.stop()
    result.saw(watch.load.report)
    result.max_bots = watch.max_bots
    result.expect(watch.max_bots <= 1, f"{watch.max_bots} bots ran at once")
    result.expect(not watch.split_routes, f"the route file named both colors: {watch.split_routes[:3]}")
    if wanted.quiet:
        failures = "; ".join(watch.load.report.failures[:3])
        result.expect(result.failed == 0, f"{result.failed} requests failed: {failures}")
    result.took = round(time.monotonic() - started, 1)
    return result


async def is_clean(stage: Stage) -> bool:
    """Whether another row may start here: everything runs, the updater is not paused, and no rollout is left."""
    if any(p.poll() is not None for p in stage.home.processes.values()) or stage.beside:
        return False
    try:
        if (await stage.home.get("/status"))["paused"]:
            await stage.home.post("/update/unpause")
        await converge(stage, limit=SETTLE_SECONDS)
        end, status = await end_of(stage), await stage.home.get("/status")
        return end == replace(UNDISTURBED, tag=status["current"]["tag"], bot_tag=end.bot_tag, idle_kept=end.idle_kept)
    except Exception:
        return False
