"""`/health`: this process runs. `/ready`: everything that a release needs works, each part by name."""

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.responses import JSONResponse, Response

from app.api.responses import Alive, PartState, Ready
from app.api.status import PublishedStatus
from app.domain.errors import LedgerUnavailable
from app.ledger import Ledger
from app.web.internal.call import Given
from app.web.published import published_status

RECONCILED_SECONDS = 180.0
"""How old the worker's last look at what should be live may be: it looks every minute, and not during a rollout."""


@dataclass(frozen=True)
class Health:
    ledger: Ledger

    async def alive(self, _: Given) -> Response:
        """Nothing more is said here: it is asked without a secret."""
        return JSONResponse(Alive().as_json())

    async def ready(self, _: Given) -> Response:
        """200, or 503 with the part that is not well."""
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
            "durability": PartState(ok=not lacks, found=" ".join(lacks) or "what it has answered stays"),
            "worker": PartState(ok=alive, found="its heartbeat is there" if alive else "no heartbeat"),
            "reconciliation": reconciliation(status, datetime.now(UTC)),
            "github": github(status, datetime.now(UTC)),
        }


def reconciliation(status: PublishedStatus, now: datetime) -> PartState:
    """How long ago the worker asked itself which release should be live."""
    if status.rollout:
        return PartState(ok=True, found="a rollout is running", age_seconds=None)
    if status.looked_at is None:
        return PartState(ok=False, found="the worker has not looked yet", age_seconds=None)
    age = _age(status.looked_at, now)
    return PartState(ok=age <= RECONCILED_SECONDS, found=f"{age:.0f} s ago", age_seconds=age)


def github(status: PublishedStatus, now: datetime) -> PartState:
    """How long ago what is published was compared with what is live; always ok, for webhooks come without it.

    A GitHub that cannot be asked is an alarm of the status.
    """
    if status.last_checked_at is None:
        return PartState(ok=True, found="it was never asked for its releases", age_seconds=None)
    age = _age(status.last_checked_at, now)
    return PartState(ok=True, found=f"asked for its releases {age:.0f} s ago", age_seconds=age)


def _age(at: str, now: datetime) -> float:
    return round((now - datetime.fromisoformat(at)).total_seconds(), 1)
