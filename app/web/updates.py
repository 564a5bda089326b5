"""The internal listener: status, history and the manual calls."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.auth import SharedSecret
from app.domain.errors import DeliveryRefused, LedgerUnavailable, TagInvalid, WorkerSilent
from app.domain.release import Release, Trigger, Version
from app.ledger import Ledger
from app.queue import Queue
from app.web.answers import HANDLERS, error, read_body
from app.web.webhook import new_rollout_id

MAX_BODY_BYTES = 64 * 1024
HISTORY_DEFAULT, HISTORY_MOST = 20, 200

Endpoint = Callable[[Request], Awaitable[Response]]

_UNKNOWN: dict[str, Any] = {
    "state": "idle",
    "current_operation": None,
    "active_color": None,
    "paused": False,
    "pause_reason": None,
    "last_checked_at": None,
    "last_attempted_tag": None,
    "last_good_tag": None,
    "current": None,
    "rollout": None,
    "held": [],
}
"""The status before the worker has ever published one."""


def _tag(value: object) -> object:
    if isinstance(value, str):
        Version.of(value)
    return value


class _Apply(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    tag: Annotated[str, BeforeValidator(_tag)]
    version: str | None = None
    force: bool = False


@dataclass(frozen=True)
class Operator:
    """The calls of the internal listener, behind the shared secret."""

    ledger: Ledger
    queue: Queue
    secret: SharedSecret
    started: float = field(default_factory=time.monotonic)

    async def health(self, _: Request) -> Response:
        """The process is alive; nothing more is said here."""
        return JSONResponse({"status": "ok"})

    async def status(self, _: Request) -> Response:
        return JSONResponse(await self._status())

    async def _status(self) -> dict[str, Any]:
        status = await self.ledger.status() or _UNKNOWN
        pending = [r.tag for r in await self.ledger.pending()]
        held = status["held"] if status["paused"] else []
        waiting = [] if status["paused"] else status["held"]
        return {
            **status,
            "worker_alive": await self.ledger.worker_alive(),
            "last_result": await self.ledger.last_result(),
            "uptime_seconds": round(time.monotonic() - self.started, 1),
            "queued": [*waiting, *(t for t in pending if t not in waiting)],
            "held": held,
        }

    async def history(self, request: Request) -> Response:
        """`entries`, newest first; `?limit=` of 1 to 200."""
        limit = request.query_params.get("limit", str(HISTORY_DEFAULT))
        if not limit.isdecimal() or not 1 <= int(limit) <= HISTORY_MOST:
            return error(400, f"limit should be a number from 1 to {HISTORY_MOST}", "bad_limit")
        return JSONResponse({"entries": await self.ledger.history(int(limit))})

    async def apply(self, request: Request) -> Response:
        """Queues a release by its tag; 423 while paused, unless forced."""
        try:
            wanted = _Apply.model_validate_json(await read_body(request, MAX_BODY_BYTES))
        except TagInvalid as refused:
            return error(400, str(refused), refused.code)
        except ValidationError as refused:
            first = refused.errors(include_input=False, include_url=False)[0]
            return error(400, f"{'/'.join(map(str, first['loc'])) or 'body'}: {first['msg']}", "bad_request")
        status = await self.ledger.status() or _UNKNOWN
        if status["paused"] and not wanted.force:
            return error(423, status["pause_reason"], "paused")
        found = await self.queue.ask("find_tag", wanted.tag)
        if "error" in found:
            return error(404 if found["code"] == "tag_not_found" else 502, found["error"], found["code"])
        return await self._queue(wanted)

    async def _queue(self, wanted: _Apply) -> Response:
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
        return JSONResponse({"status": "queued", "rollout_id": rollout_id}, 202)

    async def unpause(self, _: Request) -> Response:
        """Rollouts may start again; the newest held release starts at once."""
        answer = await self.queue.ask("unpause")
        if "error" in answer:
            return error(409, answer["error"], answer["code"])
        await self.queue.nudge()
        return JSONResponse({"resumed": True, "status": "ok"})

    def guarded(self, endpoint: Endpoint) -> Endpoint:
        """`endpoint` behind the secret, with what goes wrong behind it told in the contract's shape."""

        async def answer(request: Request) -> Response:
            if not self.secret.matches(request.headers.get("x-updater-secret", "")):
                return error(401, "Unauthorized", "unauthorized")
            try:
                return await endpoint(request)
            except DeliveryRefused as refused:
                return error(refused.status, refused.detail, "bad_request")
            except (LedgerUnavailable, WorkerSilent) as away:
                return error(503, f"{away}. Traffic is not touched by this.", away.code)

        return answer


def internal_app(operator: Operator) -> Starlette:
    """The whole internal listener."""
    guarded = operator.guarded
    return Starlette(
        routes=[
            Route("/health", operator.health),
            Route("/status", guarded(operator.status)),
            Route("/update/status", guarded(operator.status)),
            Route("/update/history", guarded(operator.history)),
            Route("/update/apply", guarded(operator.apply), methods=["POST"]),
            Route("/update/unpause", guarded(operator.unpause), methods=["POST"]),
        ],
        exception_handlers=HANDLERS,
    )
