"""The ledger: accepted releases, status, history and events in Redis.

All keys start with the namespace, so that several stacks can share a Redis; values are JSON. If Redis loses its data,
no stack loses state: the worker writes the ledger again (`lost`, `restore`).
"""

from app.domain.release import FORGOTTEN, WITHDRAWN
from app.ledger.base import EVENTS_KEPT, RECORD_SECONDS_KEPT
from app.ledger.durability import Durability
from app.ledger.ignored import IgnoredList
from app.ledger.releases import RELEASES_KEPT, Releases, StatusChanged
from app.ledger.results import HISTORY_KEPT, Results
from app.ledger.sessions import Sessions
from app.ledger.set_aside import SetAside
from app.ledger.streams import LOG_LINES_KEPT, LedgerStreams
from app.ledger.withdrawn import WithdrawnReleases

__all__ = [
    "EVENTS_KEPT",
    "FORGOTTEN",
    "HISTORY_KEPT",
    "LOG_LINES_KEPT",
    "RECORD_SECONDS_KEPT",
    "RELEASES_KEPT",
    "WITHDRAWN",
    "Ledger",
    "StatusChanged",
]


class Ledger(Releases, WithdrawnReleases, SetAside, IgnoredList, Results, LedgerStreams, Sessions, Durability):
    """All keys of the ledger. Every call raises LedgerUnavailable if Redis fails.

    An entry that another version wrote and this one cannot read is left out, and stops nothing.
    """
