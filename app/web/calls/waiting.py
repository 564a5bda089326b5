"""Waiting for the end of a rollout: `Prefer: wait=N`, and the one final result.

https://www.rfc-editor.org/rfc/rfc7240#section-4.3
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from app.config.settings import MAX_WAIT_SECONDS
from app.domain.errors import Interrupted, LedgerUnavailable, sentence_of
from app.ledger import Ledger
from app.web.calls.streams import StreamedAnswers

ENTRIES_LOOKED_AT = 200
SETTLE_SECONDS = 0.05
_WAIT = re.compile(r'\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?:;.*)?', re.IGNORECASE)
_ASYNC = re.compile(r"\s*respond-async\s*(?:;.*)?", re.IGNORECASE)


def preferred_wait(prefer: Iterable[str], default: float | None) -> tuple[float, str | None]:
    """Seconds to wait, at most MAX_WAIT_SECONDS, and the `Preference-Applied` to answer (None: none was given)."""
    preferences = [part for line in prefer for part in line.split(",")]
    waits = [match[1] for part in preferences if (match := _WAIT.fullmatch(part))]
    if waits:
        seconds = min(float(waits[0]), MAX_WAIT_SECONDS)
        return seconds, f"wait={seconds:.0f}"
    if any(_ASYNC.fullmatch(part) for part in preferences):
        return 0.0, "respond-async"
    return default or 0.0, None


Stop = Callable[[], Awaitable[bool]]
"""Whether a wait has no use any more, although the rollout has not ended."""


@dataclass(frozen=True)
class Endings:
    """Knows how a rollout ended, as soon as it has."""

    ledger: Ledger
    streams: StreamedAnswers

    async def wait(self, rollout_id: str, seconds: float, stop: Stop) -> dict[str, Any] | None:
        """The final result, as soon as the worker is free again.

        None when the rollout is not over within `seconds`, when this process is to stop, and when `stop` says so.
        While Redis does not answer the wait goes on: the rollout does too.
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
                told = await self.ledger.events_after(last, block=min(left, block))
                last = told[-1][0] if told else last
            except LedgerUnavailable:
                if over:
                    return None
                await asyncio.sleep(min(left, self.streams.slice_seconds))

    @property
    def closing(self) -> bool:
        """Whether this process is to stop: no call waits any longer."""
        return self.streams.closing.is_set()

    async def _runs(self, rollout_id: str) -> bool:
        """The result is written a moment before the status: who was told the one may read the other at once."""
        status = await self.ledger.status() or {}
        return (status.get("rollout") or {}).get("id") == rollout_id

    async def of(self, rollout_id: str) -> dict[str, Any] | None:
        """How that rollout ended; None while it has not. A release that never began ended by a decision.

        A rollout that the worker's own end interrupted is in the history too, and begins again under its id.
        """
        if (result := await self.ledger.result(rollout_id)) is not None:
            return result
        entries = await self.ledger.history(ENTRIES_LOOKED_AT)
        decision = next((e for e in entries if e["rollout_id"] == rollout_id), None)
        if decision is None or decision.get("reason_code") == Interrupted.code:
            return None
        written_since = await self.ledger.result(rollout_id)
        return written_since or _as_result(decision, await self.ledger.status() or {})


def _as_result(entry: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    return {
        "status": entry["result"],
        "rollout_id": entry["rollout_id"],
        "tag": entry["tag"],
        "previous_sha": (status.get("current") or {}).get("sha"),
        "new_sha": None,
        "active_color": status.get("active_color"),
        "target_color": None,
        "paused": bool(status.get("paused")),
        "pause_reason": status.get("pause_reason"),
        "steps_completed": [],
        "error": sentence_of(entry.get("reason_code"), entry.get("error")),
        "reason_code": entry.get("reason_code"),
        "warnings": [],
        "duration_seconds": 0.0,
        "started_at": None,
        "completed_at": entry["timestamp"],
        "evidence": {},
    }
