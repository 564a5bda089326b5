"""The calls that read: history, records, logs, events, the plan and diagnostics."""

import re
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response

from app.api.requests import EVENT_ID, ROLLOUT_ID
from app.api.rollout import History, Record, Usual
from app.api.traffic import TrafficSeries
from app.domain.errors import DeliveryRefused, LedgerUnavailable
from app.domain.figures import usual_seconds
from app.domain.history import went_live
from app.ledger import Ledger
from app.queue import Queue
from app.web.calls.status import StatusCall
from app.web.calls.streams import StreamedAnswers
from app.web.calls.waiting import Endings
from app.web.errors import error
from app.web.internal.call import Given
from app.web.internal.caller import Caller
from app.web.internal.worker_answers import ask

USUAL_OF = 9
"""Over how many rollouts that went live a usual duration is taken."""

USUAL_LOOKED_AT = 50
"""In how many entries of the history they are looked for."""


@dataclass(frozen=True)
class Reading:
    ledger: Ledger
    queue: Queue
    status: StatusCall
    streams: StreamedAnswers
    endings: Endings

    async def history(self, given: Given) -> Response:
        """The history, newest first. With `before`: only the entries older than that one."""
        entries = await self.ledger.history(given.query.limit, given.query.before)
        return JSONResponse(History(entries=tuple(entries)).as_json())

    async def usual(self, _: Given) -> Response:
        """How long the last rollouts that went live took, step by step."""
        entries = await self.ledger.history(USUAL_LOOKED_AT)
        good = went_live(entries)[:USUAL_OF]
        records = await self.ledger.records([entry.rollout_id for entry in good])
        whole = usual_seconds([{"rollout": entry.duration_seconds} for entry in good]).get("rollout")
        usual = Usual(rollouts=len(good), seconds=whole, steps=usual_seconds([_seconds_of(r) for r in records]))
        return JSONResponse(usual.as_json(), headers={"Cache-Control": "no-cache"})

    async def traffic(self, _: Given) -> Response:
        """The answers that clients got lately."""
        series, _unreadable = TrafficSeries.as_far_as_readable(await self.ledger.traffic() or {})
        return JSONResponse(series.as_json(), headers={"Cache-Control": "no-cache"})

    async def plan(self, given: Given) -> Response:
        """What a rollout of the tag would do. Changes nothing."""
        return JSONResponse(await ask(self.queue, "plan", given.query.tag))

    async def rollback_plan(self, given: Given) -> Response:
        """What a rollback would bring back. Changes nothing."""
        return JSONResponse(await ask(self.queue, "rollback_plan", given.query.previous_sha))

    async def record(self, given: Given) -> Response:
        """The whole record, also of a running rollout. For a release that got no rollout, the decision."""
        record = await self._record(given.rollout_id)
        return JSONResponse(record) if record else _unknown(given.rollout_id)

    async def log(self, given: Given) -> Response:
        """The log as text. With `follow`, it continues until the rollout has ended."""
        rollout_id = given.rollout_id
        follow = given.query.follow == "1"
        if not re.fullmatch(ROLLOUT_ID, rollout_id) or (not follow and not await self._is_known(rollout_id)):
            return _unknown(rollout_id)

        async def ended() -> bool:
            return await self.endings.of(rollout_id) is not None

        return await self.streams.log(rollout_id, ended if follow else None, partial(self._still_allowed, given.caller))

    async def events(self, given: Given) -> Response:
        """Server-sent events, from the one after `Last-Event-ID`."""
        last = given.request.headers.get("last-event-id") or given.query.last_event_id
        if last and not re.fullmatch(EVENT_ID, last):
            raise DeliveryRefused("Last-Event-ID must be the id of an event", status=400)
        return await self.streams.events(last, partial(self._still_allowed, given.caller))

    async def _still_allowed(self, caller: Caller | None) -> bool:
        """False after a logout of the caller's session. While Redis is unavailable, a stream stays open."""
        if caller is None or caller.session is None:
            return True
        try:
            return await self.ledger.is_open_session(caller.session)
        except LedgerUnavailable:
            return True

    async def diagnostics(self, _: Given) -> Response:
        """What the worker reports about the machine, with the fields of the status."""
        return JSONResponse({**(await self.status.whole()).as_json(), **await ask(self.queue, "diagnostics")})

    async def _is_known(self, rollout_id: str) -> bool:
        lines = await self.ledger.log_after(rollout_id, "0-0", block=0)
        return bool(lines) or await self._record(rollout_id) is not None

    async def _record(self, rollout_id: str) -> dict[str, Any] | None:
        if not re.fullmatch(ROLLOUT_ID, rollout_id):
            return None
        if record := await self.ledger.record(rollout_id):
            return record
        result = await self.endings.of(rollout_id)
        return result.as_json() if result else None


def _seconds_of(record: dict[str, Any]) -> dict[str, float]:
    """The seconds of each completed step of a record."""
    steps = Record.as_far_as_readable(record)[0].steps
    return {step.name: step.seconds for step in steps if step.seconds is not None and step.error is None}


def _unknown(rollout_id: str) -> Response:
    return error(404, f"no rollout {rollout_id[:64]} is known", "unknown_rollout")
