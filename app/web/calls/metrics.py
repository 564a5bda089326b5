"""Prometheus metrics, created for each scrape from the ledger. Nothing is counted here."""

from collections import Counter
from dataclasses import dataclass

from starlette.responses import Response

from app.auth.failures import FailureLimit
from app.ledger import HISTORY_KEPT, Ledger
from app.web.calls.status import StatusCall
from app.web.internal.call import Given

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Metrics:
    """`decisions`: the receiver's, since it started. `logins`: the failed ones."""

    ledger: Ledger
    status: StatusCall
    decisions: Counter[str]
    logins: FailureLimit

    async def scrape(self, _: Given) -> Response:
        from app.web.calls.exposition import Facts, render  # noqa: PLC0415 - prometheus_client, for the first scrape

        history = await self.ledger.history(HISTORY_KEPT)
        whole, events = await self.status.whole(), await self.ledger.event_count()
        facts = Facts(whole, history, events, self.decisions, self.logins.total)
        return Response(render(facts), media_type=MEDIA_TYPE)
