"""The calls that do something: apply, rollback, pause, unpause, approve, cancel, and a message to try."""

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.domain.policy import not_newer
from app.domain.release import Release, Trigger, new_rollout_id
from app.ledger import Ledger
from app.queue import Queue
from app.web.answers import error
from app.web.asking import ask
from app.web.call import Given
from app.web.live import live_tag
from app.web.models import Apply
from app.web.status import StatusCall
from app.web.waiting import Endings, preferred_wait

SUCCESS = "success"


@dataclass(frozen=True)
class Changes:
    """`default_wait`: how many seconds a caller without a preference waits for the end (None: not at all)."""

    ledger: Ledger
    queue: Queue
    status: StatusCall
    endings: Endings
    default_wait: float | None = None

    async def apply(self, given: Given) -> Response:
        """Queues a release by its tag; 423 while paused and 409 when it is not newer, unless forced."""
        wanted: Apply = given.body
        status = await self.status.published()
        if status["paused"] and not wanted.force:
            return error(423, status["pause_reason"] or "paused", "paused")
        await ask(self.queue, "find_tag", wanted.tag)
        live = live_tag(status)
        if not wanted.force and not_newer(wanted.tag, live):
            text = f"{live} is live, and {wanted.tag} is not newer. Apply it with force to go there all the same."
            return error(409, text, "not_newer")
        return await self._queued(given.request, await self._accept(wanted))

    async def rollback(self, given: Given) -> Response:
        """To a kept release, the last good one where none is named; allowed while paused."""
        answer = await ask(self.queue, "rollback", given.body.previous_sha, given.body.force)
        await self.queue.nudge()
        return await self._queued(given.request, answer["rollout_id"])

    async def pause(self, given: Given) -> Response:
        """No rollout starts from here on."""
        reason = given.body.reason.strip()
        await ask(self.queue, "pause", reason)
        return JSONResponse({"status": "ok", "paused": True, "pause_reason": reason})

    async def notify_test(self, _: Given) -> Response:
        """One message to everybody who is told; whether it arrives is not waited for."""
        answer = await ask(self.queue, "notify_test")
        return JSONResponse({"status": "queued", "targets": answer["targets"]}, status_code=202)

    async def unpause(self, _: Given) -> Response:
        """Rollouts may start again; the newest held release starts at once."""
        await ask(self.queue, "unpause")
        await self.queue.nudge()
        return JSONResponse({"resumed": True, "status": "ok"})

    async def approve(self, given: Given) -> Response:
        """A release that waits for a person's word may go live; where nothing else holds it, it starts at once."""
        tag = given.body.tag
        answer = await ask(self.queue, "approve", tag)
        await self.queue.nudge()
        return JSONResponse({"status": "approved", "tag": tag, **answer}, 202)

    async def cancel(self, given: Given) -> Response:
        """A rollout gives way before its flip; a release that waits is dropped."""
        rollout_id = given.body.rollout_id
        await ask(self.queue, "cancel", rollout_id)
        return JSONResponse({"status": "cancelling", "rollout_id": rollout_id}, 202)

    async def _accept(self, wanted: Apply) -> str:
        rollout_id = new_rollout_id()
        await self.ledger.accept(
            Release(
                key=f"manual:{rollout_id}",
                tag=wanted.tag,
                rollout_id=rollout_id,
                trigger=Trigger.MANUAL,
                accepted_at=datetime.now(UTC),
                version=wanted.version,
                force=wanted.force,
            )
        )
        await self.queue.nudge()
        return rollout_id

    async def _queued(self, request: Request, rollout_id: str) -> Response:
        """202, or the final result when the caller waits for it: 500 with the same body unless it is a success."""
        seconds, applied = preferred_wait(request.headers.getlist("prefer"), self.default_wait)
        headers = {"Location": f"/update/rollouts/{rollout_id}"}
        headers |= {"Preference-Applied": applied} if applied else {}
        result = await self.endings.wait(rollout_id, seconds) if seconds else None
        if result is None:
            return JSONResponse({"status": "queued", "rollout_id": rollout_id}, 202, headers)
        return JSONResponse(result, 200 if result["status"] == SUCCESS else 500, headers)
