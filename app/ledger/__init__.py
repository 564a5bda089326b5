"""The ledger: accepted releases, status, history and events in Redis, for everyone to read.

All keys are below the namespace, so that several stacks share a Redis; values are JSON. Losing all of it loses no
state of any stack: the worker writes it anew (`lost`, `restore`).
"""

from app.domain.release import FORGOTTEN
from app.ledger.base import EVENTS_KEPT, RECORD_SECONDS_KEPT
from app.ledger.durability import Durability
from app.ledger.releases import RELEASES_KEPT, Releases
from app.ledger.results import HISTORY_KEPT, Results
from app.ledger.streams import LOG_LINES_KEPT, LedgerStreams

__all__ = [
    "EVENTS_KEPT",
    "FORGOTTEN",
    "HISTORY_KEPT",
    "LOG_LINES_KEPT",
    "RECORD_SECONDS_KEPT",
    "RELEASES_KEPT",
    "Ledger",
]


class Ledger(Releases, Results, LedgerStreams, Durability):
    """The one place that knows the keys. Every call raises LedgerUnavailable when Redis does not do it."""
