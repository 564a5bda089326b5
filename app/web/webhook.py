"""The public listener: `POST /webhooks/github`, and nothing else.

Head, body under a cap and a deadline, signature, parse, policy, record, answer: in this order and no more.
"""

import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.domain.errors import DeliveryRefused, LedgerUnavailable
from app.domain.policy import ReleaseEvent, reason_to_ignore
from app.domain.release import Release, Trigger
from app.domain.stack import Stack
from app.ledger import Ledger
from app.queue import Queue
from app.web.answers import HANDLERS, error, read_body
from app.web.github import check_signature, parse_release

RETRY_AFTER_SECONDS = 30

log = structlog.get_logger()


def new_rollout_id() -> str:
    return f"r-{random.token_hex(6)}"


@dataclass(frozen=True)
class Receiver:
    """What the endpoint needs: the stack's policy, the secrets, and where a wanted release is recorded."""

    stack: Stack
    secrets: Sequence[str]
    max_bytes: int
    ledger: Ledger
    queue: Queue

    async def receive(self, request: Request) -> Response:
        """The answer to a delivery, as the table of the contract says."""
        try:
            _check_head(request)
            body = await read_body(request, self.max_bytes)
            check_signature(body, request.headers.getlist("x-hub-signature-256"), self.secrets)
            return await self._take(request, body)
        except DeliveryRefused as refused:
            log.info("delivery refused", status=refused.status, reason=refused.detail)
            return error(refused.status, refused.detail, refused.code)
        except LedgerUnavailable as away:
            log.error("delivery not recorded", reason=str(away))
            text = "the release could not be recorded: Redis does not answer. Nothing was started; send it again."
            return error(503, text, away.code, **{"Retry-After": str(RETRY_AFTER_SECONDS)})

    async def _take(self, request: Request, body: bytes) -> Response:
        kind = request.headers.get("x-github-event", "")
        if kind == "ping":
            return JSONResponse({"status": "pong"})
        if kind != "release":
            return _ignored("the event is not release")
        event = parse_release(body)
        if reason := reason_to_ignore(event, self.stack):
            return _ignored(reason)
        return await self._record(_release(event, request.headers.get("x-github-delivery")))

    async def _record(self, release: Release) -> Response:
        known = await self.ledger.accept(release)
        if known is not None:
            return JSONResponse({"status": "duplicate", **_shown(known)})
        log.info("release accepted", tag=release.tag, rollout_id=release.rollout_id, delivery=release.delivery)
        await _nudge(self.queue)
        return JSONResponse({"status": "accepted", **_shown(release)}, 202)


def _check_head(request: Request) -> None:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise DeliveryRefused("the content type should be application/json", status=415)


def _release(event: ReleaseEvent, delivery: str | None) -> Release:
    return Release(
        key=event.key,
        tag=event.tag,
        rollout_id=new_rollout_id(),
        trigger=Trigger.WEBHOOK,
        accepted_at=datetime.now(UTC),
        delivery=delivery,
    )


def _shown(release: Release) -> dict[str, Any]:
    return {"release": {"key": release.key, "tag": release.tag}, "rollout_id": release.rollout_id}


def _ignored(reason: str) -> Response:
    return JSONResponse({"status": "ignored", "reason": reason})


async def _nudge(queue: Queue) -> None:
    """The release is recorded: that the nudge did not go out costs at most the worker's own next look."""
    try:
        await queue.nudge()
    except LedgerUnavailable as away:
        log.warning("nudge not sent; the worker finds the release by itself", reason=str(away))


def public_app(receiver: Receiver) -> Starlette:
    """The whole public listener."""
    return Starlette(
        routes=[Route("/webhooks/github", receiver.receive, methods=["POST"])], exception_handlers=HANDLERS
    )
