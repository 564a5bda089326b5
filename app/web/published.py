"""The status that the worker published last."""

from app.api.status import PublishedStatus
from app.ledger import Ledger


async def published_status(ledger: Ledger) -> PublishedStatus:
    """The defaults if the worker never published one. Raises LedgerUnavailable."""
    return PublishedStatus.model_validate(await ledger.status() or {})
