"""The public listener: `POST /webhooks/github`, and nothing else.

The order is: headers, body (with a cap and a deadline), signature, parse, policy, record, answer.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.api.status import PublishedStatus
from app.domain.acceptance.ignored import IgnoredRelease
from app.domain.acceptance.policy import Cause, Refusal, ReleaseEvent, refusal_of
from app.domain.acceptance.repository import identified
from app.domain.errors import DeliveryRefused, LedgerUnavailable
from app.domain.release import Release, Trigger, new_rollout_id
from app.domain.stack import Stack
from app.domain.tags import DatedTag
from app.domain.withdrawal import WITHDRAWING, Withdrawal
from app.ledger import FORGOTTEN, WITHDRAWN, Ledger, StatusChanged
from app.queue import Queue
from app.web.body import Intake, drain
from app.web.calls.live import live_tag
from app.web.errors import HANDLERS, error, not_found
from app.web.published import SeenStatus, seen_status
from app.web.webhook.access_log import Line
from app.web.webhook.delivery import check_signature, parse_release, payload_of
from app.web.webhook.headers import check_head, hint_of, type_in

RECORD_SECONDS = 3.5
"""Together with the body's five seconds this stays below GitHub's limit of ten for the answer.
https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks#respond-within-10-seconds"""

ACCEPTED = 202

_LIVE_WITHDRAWN = "the release is live and stays live; the status has an alarm until another one is live"
_ALREADY_WITHDRAWN = Refusal(Cause.WITHDRAWN, "the release was withdrawn on GitHub before this delivery arrived")

log = structlog.get_logger()


@dataclass(frozen=True)
class DeliveryOutcome:
    """The answer to a delivery, and the values for the access log."""

    status: int
    content: dict[str, Any]
    decision: str
    reason: str = ""
    action: str = ""
    tag: str = ""

    @property
    def wakes(self) -> bool:
        """Whether the worker has something to do at once."""
        return self.decision in {"accepted", "withdrawn"}


@dataclass(frozen=True)
class Receiver:
    """The webhook endpoint. `decisions` counts deliveries by decision. `seen` has the status that was read last."""

    stack: Stack
    secrets: Sequence[str]
    intake: Intake
    ledger: Ledger
    queue: Queue
    decisions: Counter[str] = field(default_factory=Counter)
    seen: deque[SeenStatus] = field(default_factory=lambda: deque(maxlen=1))

    async def receive(self, request: Request) -> Response:
        """Answers one delivery and logs it."""
        line = Line(request.headers)
        outcome = await self._outcome(request)
        self.decisions[outcome.decision] += 1
        line.write(outcome.status, outcome.decision, action=outcome.action, tag=outcome.tag, reason=outcome.reason)
        if "error" in outcome.content:
            return error(outcome.status, outcome.content["error"], outcome.content["code"])
        after = BackgroundTask(self._nudge) if outcome.wakes else None
        return JSONResponse(outcome.content, outcome.status, background=after)

    async def _outcome(self, request: Request) -> DeliveryOutcome:
        try:
            body, signature = await self._body(request)
            check_signature(body, signature, self.secrets, hint=hint_of(request.headers))
            return await self._take(request, body)
        except DeliveryRefused as refused:
            content = {"error": refused.detail, "code": refused.code}
            return DeliveryOutcome(refused.status, content, "refused", refused.detail)

    async def _body(self, request: Request) -> tuple[bytes, str]:
        """The body, and the signature to check it against."""
        try:
            signature = check_head(request.headers, self.intake.cap)
            return await self.intake.read(request), signature
        except DeliveryRefused:
            await drain(request)
            raise

    async def _take(self, request: Request, body: bytes) -> DeliveryOutcome:
        kind = request.headers.get("x-github-event", "")
        if kind == "ping":
            return DeliveryOutcome(200, {"status": "pong"}, "pong")
        if kind != "release":
            return _ignored("the event is not release")
        event = parse_release(payload_of(body, type_in(request.headers)))
        try:
            async with asyncio.timeout(RECORD_SECONDS):
                return await self._decide(event, request.headers.get("x-github-delivery"))
        except (LedgerUnavailable, TimeoutError) as away:
            return _not_recorded(event, away)

    async def _decide(self, event: ReleaseEvent, delivery: str | None) -> DeliveryOutcome:
        """Accepts at once what the status of before allows, if that is still the published one: one round trip.

        Otherwise one more status decides, and no third one: a worker that publishes all the time must not delay the
        answer. The worker decides again before a rollout begins.
        """
        for seen in tuple(self.seen):
            if self._refusal(event, seen.status) is None:
                with contextlib.suppress(StatusChanged):
                    return await self._accept(event, delivery, decided_by=seen.fingerprint)
        seen = await seen_status(self.ledger)
        self.seen.append(seen)
        refusal, live = self._refusal(event, seen.status), live_tag(seen.status)
        if refusal and refusal.cause is Cause.ACTION and event.action in WITHDRAWING:
            return await self._withdraw(event, live)
        if refusal:
            return await self._ignore(event, refusal, delivery)
        return await self._accept(event, delivery)

    def _refusal(self, event: ReleaseEvent, status: PublishedStatus) -> Refusal | None:
        return refusal_of(event, identified(self.stack, status.repository), live_tag(status))

    async def _accept(self, event: ReleaseEvent, delivery: str | None, decided_by: str = "") -> DeliveryOutcome:
        """Raises StatusChanged if `decided_by` is not the published status any more."""
        release = _release(event, delivery, self.stack)
        known = await self.ledger.accept(release, decided_by=decided_by)
        if known is None:
            return _recorded(ACCEPTED, "accepted", release, event)
        if known.rollout_id == WITHDRAWN:
            await self._ignore(event, _ALREADY_WITHDRAWN, delivery)
            return _recorded(200, "withdrawn", known, event)
        return _recorded(200, "duplicate", known, event)

    async def _withdraw(self, event: ReleaseEvent, live: DatedTag | None) -> DeliveryOutcome:
        """Records that a release was withdrawn, also one that is not known: its `published` may arrive later."""
        known = await self.ledger.recorded(event.key)
        if known is None and not self.stack.tags.matches(event.tag):
            return _ignored(self.stack.tags.unmatched(event.tag), event)
        published_at = known.published_at if known else None
        await self.ledger.withdraw(Withdrawal.of(event, datetime.now(UTC), published_at))
        if live is not None and live.tag == event.tag:
            return _ignored(_LIVE_WITHDRAWN, event)
        release = known or replace(_release(event, None, self.stack), rollout_id=WITHDRAWN)
        return _recorded(200, "withdrawn", release, event)

    async def _ignore(self, event: ReleaseEvent, refusal: Refusal, delivery: str | None) -> DeliveryOutcome:
        await self.ledger.ignore(IgnoredRelease.of(event, refusal, datetime.now(UTC), delivery))
        return _ignored(refusal.text, event)

    async def _nudge(self) -> None:
        """Wakes the worker. A lost nudge is harmless: the release is recorded, and the worker's next check finds it."""
        try:
            await self.queue.nudge()
        except LedgerUnavailable as away:
            log.warning("nudge not sent; the worker finds the release at its next check", reason=str(away))


def _release(event: ReleaseEvent, delivery: str | None, stack: Stack) -> Release:
    return Release(
        key=event.key,
        tag=event.tag,
        rollout_id=new_rollout_id(),
        trigger=Trigger.WEBHOOK,
        accepted_at=datetime.now(UTC),
        version=stack.tags.version_in(event.tag),
        delivery=delivery,
        published_at=event.published_at,
        repository=event.repository,
    )


def _recorded(status: int, decision: str, release: Release, event: ReleaseEvent) -> DeliveryOutcome:
    rollout_id = None if release.rollout_id in {FORGOTTEN, WITHDRAWN} else release.rollout_id
    shown = {"release": {"key": release.key, "tag": release.tag}, "rollout_id": rollout_id}
    return DeliveryOutcome(status, {"status": decision, **shown}, decision, action=event.action, tag=event.tag)


def _ignored(reason: str, event: ReleaseEvent | None = None) -> DeliveryOutcome:
    action, tag = (event.action, event.tag) if event else ("", "")
    return DeliveryOutcome(200, {"status": "ignored", "reason": reason}, "ignored", reason, action, tag)


def _not_recorded(event: ReleaseEvent, away: Exception) -> DeliveryOutcome:
    reason = str(away) or f"Redis took longer than {RECORD_SECONDS} s"
    text = "the release could not be recorded: Redis does not answer. No rollout was started. Send it again."
    content = {"error": text, "code": LedgerUnavailable.code}
    return DeliveryOutcome(503, content, "not recorded", reason, event.action, event.tag)


def public_app(receiver: Receiver) -> Starlette:
    """The whole public listener."""
    app = Starlette(routes=[Route("/webhooks/github", receiver.receive, methods=["POST"])], exception_handlers=HANDLERS)
    app.router.redirect_slashes = False  # a redirect would name the caller's own Host
    app.router.default = not_found
    return app
