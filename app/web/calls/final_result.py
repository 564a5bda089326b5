"""The answer of apply and rollback: the final result if the caller waits for it, otherwise 202."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.model import time_in
from app.api.responses import Queued
from app.api.rollout import Result
from app.api.status import PublishedStatus
from app.domain.errors import LedgerUnavailable, Superseded
from app.web.calls.live import is_live, live_result
from app.web.calls.status import StatusCall
from app.web.calls.waiting import SETTLE_SECONDS, Endings, preferred_wait

UNFINISHED = "not_finished"
"""The code of a 202 that says why the wait of UPDATER_APPLY_WAIT_SECONDS ended without a result."""

SETTLE_LIMIT_SECONDS = 5.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class FinalAnswer:
    """`default_wait`: seconds that a caller without a preference waits for the result (None: not at all)."""

    status: StatusCall
    endings: Endings
    default_wait: float | None = None

    async def of(self, request: Request, rollout_id: str, tag: str | None = None) -> Response:
        """The answer for the rollout `rollout_id`, which the caller requested by `tag` (None: a rollback)."""
        seconds, applied = preferred_wait(request.headers.getlist("prefer"), self.default_wait)
        headers = {"Location": f"/update/rollouts/{rollout_id}"}
        headers |= {"Preference-Applied": applied} if applied else {}
        waiting = _Wait(self.status, self.endings, request, seconds, is_default=not applied)
        result = await waiting.result(rollout_id, tag) if seconds else None
        if result is not None:
            return JSONResponse(result.as_json(), 200 if result.succeeded else 500, headers)
        queued = Queued(status="queued", rollout_id=rollout_id)
        if seconds and waiting.is_default:
            why = await waiting.why_unfinished(rollout_id)
            queued = Queued(status="queued", rollout_id=rollout_id, error=why, code=UNFINISHED)
        return JSONResponse(queued.as_received(), 202, headers)


@dataclass(frozen=True)
class _Wait:
    """One caller's wait of `seconds`. A caller that sent a preference also waits while the release is held."""

    status: StatusCall
    endings: Endings
    request: Request
    seconds: float
    is_default: bool

    async def result(self, rollout_id: str, tag: str | None) -> Result | None:
        """The result of `rollout_id`, or of the rollout of the same tag that replaced it."""
        clock = asyncio.get_running_loop()
        deadline = clock.time() + self.seconds
        while True:
            stop = partial(self._stop, rollout_id)
            result = await self.endings.wait(rollout_id, deadline - clock.time(), stop)
            if result is None or tag is None or result.status != Superseded.code:
                return result
            status = await self._status_after(result)
            if is_live(status, tag):
                return live_result(status)
            other = status.rollout_of(tag)
            if other in {None, rollout_id} and (tag not in status.queued or clock.time() > deadline):
                return result
            rollout_id = other or rollout_id
            await asyncio.sleep(SETTLE_SECONDS)

    async def why_unfinished(self, rollout_id: str) -> str:
        """Why there is no result yet, and where it will be, for clients that show `error`."""
        where = f"Its result will be at /update/rollouts/{rollout_id} and in /status."
        if self.endings.closing:
            return f"The updater's web process is restarting and cannot wait. The rollout continues. {where}"
        with contextlib.suppress(LedgerUnavailable):
            if held := await self._held(rollout_id):
                return f"{held} {where}"
        return f"The rollout has not ended within {self.seconds:g} s. It continues. {where}"

    async def _stop(self, rollout_id: str) -> bool:
        """Whether the caller has disconnected, or would by default wait for an operator."""
        if await self.request.is_disconnected():
            return True
        return self.is_default and await self._held(rollout_id) is not None

    async def _held(self, rollout_id: str) -> str | None:
        """What the release waits for; None if it is not held."""
        status = await self.status.published()
        return next((held.text for held in status.held_for if held.rollout_id == rollout_id), None)

    async def _status_after(self, decision: Result) -> PublishedStatus:
        """The first status that the worker published after `decision`; the latest after SETTLE_LIMIT_SECONDS."""
        clock = asyncio.get_running_loop()
        deadline = clock.time() + SETTLE_LIMIT_SECONDS
        while True:
            status = await self.status.published()
            looked_at = time_in(status.looked_at) or EPOCH
            if looked_at >= (time_in(decision.completed_at) or EPOCH) or clock.time() > deadline:
                return status
            await asyncio.sleep(SETTLE_SECONDS)
