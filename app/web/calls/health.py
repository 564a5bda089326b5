"""`/health`: this process runs. `/ready`: every part that a release needs works."""

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.responses import JSONResponse, Response

from app.api.model import time_in
from app.api.responses import Alive, PartState, Ready
from app.api.status import PublishedStatus
from app.domain.errors import LedgerUnavailable
from app.ledger import Ledger
from app.web.internal.call import Given
from app.web.published import published_status

RECONCILED_SECONDS = 180.0
"""The most seconds since the worker last decided what should be live: it does so every minute, except in a rollout."""


@dataclass(frozen=True)
class Health:
    ledger: Ledger

    async def alive(self, _: Given) -> Response:
        """Returns no details, because it needs no secret."""
        return JSONResponse(Alive().as_json())

    async def ready(self, _: Given) -> Response:
        """200, or 503 if a part is not ok."""
        parts = await self.parts()
        ok = all(part.ok for part in parts.values())
        answer = Ready(status="ok" if ok else "not ready", parts=parts)
        return JSONResponse(answer.as_received(), 200 if ok else 503)

    async def parts(self) -> dict[str, PartState]:
        try:
            lacks = await self.ledger.durability()
            alive = await self.ledger.worker_alive()
            status = await published_status(self.ledger)
        except LedgerUnavailable as away:
            return {"redis": PartState(ok=False, found=str(away))}
        return {
            "redis": PartState(ok=True, found="it answers"),
            "durability": PartState(ok=not lacks, found=" ".join(lacks) or "it keeps confirmed writes"),
            "worker": PartState(ok=alive, found="it has a heartbeat" if alive else "no heartbeat"),
            "reconciliation": reconciliation(status, datetime.now(UTC)),
            "github": github(status, datetime.now(UTC)),
        }


def reconciliation(status: PublishedStatus, now: datetime) -> PartState:
    """How long ago the worker last decided which release should be live."""
    if status.rollout:
        return PartState(ok=True, found="a rollout is running", age_seconds=None)
    age = _age(status.looked_at, now)
    if age is None:
        return PartState(ok=False, found="the worker has not checked yet", age_seconds=None)
    return PartState(ok=age <= RECONCILED_SECONDS, found=f"{age:.0f} s ago", age_seconds=age)


def github(status: PublishedStatus, now: datetime) -> PartState:
    """How long ago the updater compared GitHub's releases with the live one. Always ok: webhooks work without it.

    If GitHub is unavailable, the status has an alarm.
    """
    age = _age(status.last_checked_at, now)
    if age is None:
        return PartState(ok=True, found="its releases were never checked", age_seconds=None)
    return PartState(ok=True, found=f"its releases were checked {age:.0f} s ago", age_seconds=age)


def _age(text: str | None, now: datetime) -> float | None:
    at = time_in(text)
    return round((now - at).total_seconds(), 1) if at else None
