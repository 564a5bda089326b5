"""Follows a rollout to its end.

Level-triggered: `/status` and the rollout's record are the truth; an event only starts the next poll early. So a lost
event, a restart of the web process and a broken stream are one case, and delay the output by at most a second.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from app.api.status import Status
from app.cli.api.client import ApiClient
from app.cli.api.log_stream import RIDE_SECONDS, follow_log
from app.cli.errors import CannotReach, CommandError, NotAllowed, Refused
from app.cli.following.display import Display
from app.cli.following.progress import FollowedRollout, Phase

POLL_SECONDS = 1.0
"""The interval of the polls if no event arrives."""

RETRY_SECONDS = 0.5
SILENT_SECONDS = 120.0
"""How long the worker's heartbeat may be missing before the command stops following."""

LOST_SECONDS = 60.0
"""How long the rollout may be missing in the status before the command stops following."""

GOES_ON = "The rollout continues. Your traffic is not affected."
AGAIN = "`updater status --watch` follows it again."


class RolloutWatch:
    """Follows one rollout through `/status`, its record, its log and the events."""

    def __init__(self, updater: ApiClient, display: Display) -> None:
        self._updater = updater
        self._display = display
        self._woken = asyncio.Event()
        self._progress = FollowedRollout("")
        self._last_event: str | None = None
        self._since: dict[str, float] = {}

    async def next(self) -> FollowedRollout:
        """Returns the running rollout. If none is running, waits for the next one, without a limit."""
        announced = False
        while True:
            status = await self._status()
            if status is not None and (running := status.rollout):
                return FollowedRollout(running.id).see_status(status)
            if status is not None and not announced:
                announced = True
                self._display.say("No rollout is running. Waiting for the next one; press Ctrl-C to stop.")
            await asyncio.sleep(POLL_SECONDS)

    async def follow(self, progress: FollowedRollout) -> FollowedRollout:
        """Follows the rollout to its end and returns it.

        Raises CannotReach if the updater is unreachable for RIDE_SECONDS or the worker has no heartbeat for
        SILENT_SECONDS, Refused if the rollout is missing for LOST_SECONDS, NotAllowed if a pause holds the rollout.
        """
        self._progress = progress
        with self._display.running():
            async with _beside(self._listen(), self._read_log()):
                await self._read_record()
                while not self._progress.ended:
                    await self._look()
                    self._stop_if_stuck()
                    await self._wait()
                await self._look()  # the status and the record complete each other
        return self._progress

    async def _look(self) -> None:
        status = await self._status()
        if status is None:
            return
        self._see(self._progress.see_status(status))
        if not status.is_running(self._progress.rollout_id):
            await self._read_record()

    async def _status(self) -> Status | None:
        """The status, or None if the updater is unreachable. Raises CannotReach after RIDE_SECONDS."""
        try:
            status = await self._updater.status()
        except CannotReach as away:
            if self._first("away"):
                self._display.say(f"{away.detail} Retrying for {RIDE_SECONDS:.0f} s.")
            if self._lasts("away") > RIDE_SECONDS:
                raise CannotReach(away.detail, f"{away.todo} {AGAIN}", traffic=GOES_ON) from away
            return None
        if self._since.pop("away", None) is not None:
            self._display.say("The updater answers again.")
        return status

    async def _read_record(self) -> None:
        """Reads the record, if there is one. For a waiting release, the status has more than the record."""
        try:
            record = await self._updater.record(self._progress.rollout_id)
        except (Refused, CannotReach):
            return
        self._see(self._progress.see_record(record))

    def _stop_if_stuck(self) -> None:
        if self._progress.ended:
            return
        if self._progress.phase is Phase.HELD:
            raise NotAllowed(
                f"{self._progress.tag} is recorded and held, because the updater is paused: {self._progress.waits_for}",
                "Fix the reason, then run `updater unpause`: the newest held release starts at once.",
                traffic="Your traffic is not affected.",
            )
        if self._missing("heartbeat", self._progress.worker_alive, SILENT_SECONDS):
            raise CannotReach(
                f"The worker has sent no heartbeat for {SILENT_SECONDS:.0f} s.",
                f"Start the worker: it continues with the recorded releases and the rollout. {AGAIN}",
                traffic="Your traffic is not affected.",
            )
        if self._missing("rollout", self._progress.known, LOST_SECONDS):
            raise Refused(
                f"The updater has not reported {self._progress.rollout_id} for {LOST_SECONDS:.0f} s.",
                "`updater status` shows what is live, `updater history` shows what has ended.",
                traffic="Traffic is on a healthy color.",
            )

    def _missing(self, what: str, present: bool, limit: float) -> bool:
        """Whether `what` has been missing for longer than `limit` seconds."""
        if present:
            self._since.pop(what, None)
            return False
        if self._first(what) and what == "heartbeat":
            self._display.say("The worker's heartbeat is missing: no rollout continues until the worker runs.")
        return self._lasts(what) > limit

    def _first(self, what: str) -> bool:
        known = what in self._since
        self._since.setdefault(what, asyncio.get_running_loop().time())
        return not known

    def _lasts(self, what: str) -> float:
        return asyncio.get_running_loop().time() - self._since[what]

    async def _wait(self) -> None:
        if self._progress.ended:
            return
        self._woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(RETRY_SECONDS if "away" in self._since else POLL_SECONDS):
                await self._woken.wait()

    async def _listen(self) -> None:
        """Reads events. If they are unavailable, the polls are enough."""
        while True:
            try:
                async with aclosing(self._updater.events(self._last_event)) as events:
                    async for event in events:
                        self._last_event = event.id or self._last_event
                        self._see(self._progress.see_event(event.kind, event.data))
                        self._woken.set()
            except CannotReach:
                pass
            except CommandError:
                return
            await asyncio.sleep(RETRY_SECONDS)

    async def _read_log(self) -> None:
        """Reads the last line of the log, if there is a log."""
        while True:
            with suppress(CommandError):
                async with aclosing(follow_log(self._updater, self._progress.rollout_id, self._has_ended)) as lines:
                    async for line in lines:
                        self._see(self._progress.see_line(line))
            await asyncio.sleep(POLL_SECONDS)

    async def _has_ended(self) -> bool:
        return self._progress.ended

    def _see(self, progress: FollowedRollout) -> None:
        if progress != self._progress:
            self._progress = progress
            self._display.show(progress)


@asynccontextmanager
async def _beside(*reading: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs `reading` in the background for the duration of the `with` block."""
    tasks = [asyncio.create_task(each) for each in reading]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
