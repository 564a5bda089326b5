"""`/health`: this process runs. `/ready`: everything that a release needs works, each part by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.responses import JSONResponse, Response

from app.domain.errors import LedgerUnavailable
from app.ledger import Ledger
from app.web.internal.call import Given

RECONCILED_SECONDS = 180.0
"""How old the worker's last look at what should be live may be: it looks every minute, and not during a rollout."""

Part = dict[str, Any]


@dataclass(frozen=True)
class Health:
    ledger: Ledger

    async def alive(self, _: Given) -> Response:
        """Nothing more is said here: it is asked without a secret."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _: Given) -> Response:
        """200, or 503 with the part that is not well."""
        parts = await self.parts()
        ok = all(part["ok"] for part in parts.values())
        return JSONResponse({"status": "ok" if ok else "not ready", "parts": parts}, 200 if ok else 503)

    async def parts(self) -> dict[str, Part]:
        try:
            lacks = await self.ledger.durability()
            alive = await self.ledger.worker_alive()
            status = await self.ledger.status()
        except LedgerUnavailable as away:
            return {"redis": {"ok": False, "found": str(away)}}
        return {
            "redis": {"ok": True, "found": "it answers"},
            "durability": {"ok": not lacks, "found": " ".join(lacks) or "what it has answered stays"},
            "worker": {"ok": alive, "found": "its heartbeat is there" if alive else "no heartbeat"},
            "reconciliation": reconciliation(status or {}, datetime.now(UTC)),
            "github": github(status or {}, datetime.now(UTC)),
        }


def reconciliation(status: Mapping[str, Any], now: datetime) -> Part:
    """How long ago the worker asked itself which release should be live."""
    if status.get("rollout"):
        return {"ok": True, "found": "a rollout is running", "age_seconds": None}
    looked = status.get("looked_at")
    if looked is None:
        return {"ok": False, "found": "the worker has not looked yet", "age_seconds": None}
    age = _age(looked, now)
    return {"ok": age <= RECONCILED_SECONDS, "found": f"{age:.0f} s ago", "age_seconds": age}


def github(status: Mapping[str, Any], now: datetime) -> Part:
    """How long ago what is published was compared with what is live; always ok, for webhooks come without it.

    A GitHub that cannot be asked is an alarm of the status.
    """
    checked = status.get("last_checked_at")
    if checked is None:
        return {"ok": True, "found": "it was never asked for its releases", "age_seconds": None}
    age = _age(checked, now)
    return {"ok": True, "found": f"asked for its releases {age:.0f} s ago", "age_seconds": age}


def _age(at: str, now: datetime) -> float:
    return round((now - datetime.fromisoformat(at)).total_seconds(), 1)
