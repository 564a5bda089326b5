"""Records who asked for each change: one log line, and one event before anything happens."""

from dataclasses import dataclass
from typing import Any

import structlog

from app.auth.scope import Scope
from app.ledger import Ledger
from app.web.internal.call import Call, Given

EVENT = "change.requested"
SHOWN = ("tag", "commit", "previous_sha", "rollout_id", "force")
"""The fields of a body that are recorded. Their form is checked; the reason of a pause is free text."""

log = structlog.get_logger()


@dataclass(frozen=True)
class ChangeRecord:
    ledger: Ledger

    async def requested(self, call: Call, given: Given) -> None:
        """Records a call that changes something. Raises LedgerUnavailable; then the change must not be made."""
        if call.scope is Scope.OPERATE:
            data = _of(call, given)
            log.info("change requested", **data)
            await self.ledger.publish_event(EVENT, data)

    @staticmethod
    def refused(call: Call, given: Given | None, status: int, code: str) -> None:
        """Logs that such a call was answered with an error."""
        if call.scope is Scope.OPERATE and given is not None:
            log.info("change refused", **_of(call, given), status=status, code=code)


def _of(call: Call, given: Given) -> dict[str, Any]:
    body = given.body.model_dump(mode="json", include=set(SHOWN), exclude_unset=True) if given.body else {}
    return {"call": call.path, "by": str(given.caller), **body}
