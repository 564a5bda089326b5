"""`/health`: this process runs. `/ready`: every part that a release needs works."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.responses import JSONResponse, Response

from app.domain.errors import LedgerUnavailable
from app.ledger import Ledger
from app.web.internal.call import Given

RECONCILED_SECONDS = 180.0
"""The most seconds since the worker last decided what should be live: it does so every minute, except in a rollout."""

Part = dict[str, Any]


@dataclass(frozen=True)
class Health:
    ledger: Ledger

    async def alive(self, _: Given) -> Response:
        """Returns no details, because it needs no secret."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _: Given) -> Response:
        """200, or 503 if a part is not ok."""
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
            "durability": {"ok": not lacks, "found": " ".join(lacks) or "it keeps confirmed writes"},
            "worker": {"ok": alive, "found": "it has a heartbeat" if alive else "no heartbeat"},
            "reconciliation": reconciliation(status or {}, datetime.now(UTC)),
            "github": github(status or {}, datetime.now(UTC)),
        }


def reconciliation(status: Mapping[str, Any], now: datetime) -> Part:
    """How long ago the worker last decided which release should be live."""
    if status.get("rollout"):
        return {"ok": True, "found": "a rollout is running", "age_seconds": None}
    looked = status.get("looked_at")
    if looked is None:
        return {"ok": False, "found": "the worker has not checked yet", "age_seconds": None}
    age = _age(looked, now)
    return {"ok": age <= RECONCILED_SECONDS, "found": f"{age:.0f} s ago", "age_seconds": age}


def github(status: Mapping[str, Any], now: datetime) -> Part:
    """How long ago the updater compared GitHub's releases with the live one. Always ok: webhooks work without it.

    If GitHub is unavailable, the status has an alarm.
    """
    checked = status.get("last_checked_at")
    if checked is None:
        return {"ok": True, "found": "its releases were never checked", "age_seconds": None}
    age = _age(checked, now)
    return {"ok": True, "found": f"its releases were checked {age:.0f} s ago", "age_seconds": age}


def _age(at: str, now: datetime) -> float:
    return round((now - datetime.fromisoformat(at)).total_seconds(), 1)
