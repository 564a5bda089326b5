"""Waits for the end of a rollout: `Prefer: wait=N`, and the final result.

https://www.rfc-editor.org/rfc/rfc7240#section-4.3
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from app.api.rollout import Result
from app.config.settings import MAX_WAIT_SECONDS
from app.domain.errors import LedgerUnavailable
from app.ledger import Ledger
from app.web.calls.streams import StreamedAnswers
from app.web.published import published_status

ENTRIES_LOOKED_AT = 200
SETTLE_SECONDS = 0.05
_WAIT = re.compile(r'\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?:;.*)?', re.IGNORECASE)
_ASYNC = re.compile(r"\s*respond-async\s*(?:;.*)?", re.IGNORECASE)


def preferred_wait(prefer: Iterable[str], default: float | None) -> tuple[float, str | None]:
    """Seconds to wait, at most MAX_WAIT_SECONDS, and the value of `Preference-Applied` (None: no preference)."""
    preferences = [part for line in prefer for part in line.split(",")]
    waits = [match[1] for part in preferences if (match := _WAIT.fullmatch(part))]
    if waits:
        seconds = min(float(waits[0]), MAX_WAIT_SECONDS)
        return seconds, f"wait={seconds:.0f}"
    if any(_ASYNC.fullmatch(part) for part in preferences):
        return 0.0, "respond-async"
    return default or 0.0, None


Stop = Callable[[], Awaitable[bool]]
"""Whether to end a wait although the rollout has not ended."""


@dataclass(frozen=True)
class Endings:
    """Finds out how a rollout ended, as soon as it has ended."""

    ledger: Ledger
    streams: StreamedAnswers

    async def wait(self, rollout_id: str, seconds: float, stop: Stop) -> Result | None:
        """The final result, as soon as the worker is free again.

        None if the rollout does not end within `seconds`, if this process is stopping, or if `stop` returns True.
        While Redis is unavailable, the wait continues, because the rollout does too.
        """
        clock = asyncio.get_running_loop()
        deadline, last = clock.time() + seconds, None
        while True:
            left = deadline - clock.time()
            over = left <= 0 or self.closing
            try:
                over = over or await stop()
                last = last or await self.ledger.last_event_id()
                result = await self.of(rollout_id)
                if over or (result is not None and not await self._runs(rollout_id)):
                    return result
                block = SETTLE_SECONDS if result else self.streams.slice_seconds
                events = await self.ledger.events_after(last, block=min(left, block))
                last = events[-1][0] if events else last
            except LedgerUnavailable:
                if over:
                    return None
                await asyncio.sleep(min(left, self.streams.slice_seconds))

    @property
    def closing(self) -> bool:
        """Whether this process is stopping: no call waits any longer."""
        return self.streams.closing.is_set()

    async def _runs(self, rollout_id: str) -> bool:
        """Whether the status still shows the rollout as running.

        The result is written just before the status, and a caller that gets the result may read the status at once.
        """
        return (await published_status(self.ledger)).is_running(rollout_id)

    async def of(self, rollout_id: str) -> Result | None:
        """The result of the rollout; None until it has ended. A release that got no rollout ended by a decision.

        A rollout that the end of the worker interrupted is in the history too. It starts again under the same id,
        unless it was the last attempt.
        """
        if (result := await self._result(rollout_id)) is not None:
            return result
        entries = await self.ledger.history(ENTRIES_LOOKED_AT)
        decision = next((e for e in entries if e.rollout_id == rollout_id), None)
        if decision is None or decision.undecided:
            return None
        return await self._result(rollout_id) or Result.of_entry(decision).model_copy(update=await self._live_fields())

    async def _result(self, rollout_id: str) -> Result | None:
        found = await self.ledger.result(rollout_id)
        return Result.as_far_as_readable(found)[0] if found is not None else None

    async def _live_fields(self) -> dict[str, object]:
        """The fields of a result about the live release and the pause."""
        status = await published_status(self.ledger)
        return {
            "previous_sha": status.current.sha if status.current else None,
            "active_color": status.active_color,
            "paused": status.paused,
            "pause_reason": status.pause_reason,
        }
