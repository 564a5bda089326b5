"""The withdrawal of a release on GitHub: it was deleted, or set back to a draft."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.domain.acceptance.policy import ReleaseEvent

DELETED, UNPUBLISHED = "deleted", "unpublished"
WITHDRAWING = frozenset({DELETED, UNPUBLISHED})
"""The actions of the `release` event that withdraw a release.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#release
"""

WITHDRAWN_KEPT = 100
"""How many withdrawals are remembered, by the journal and by the ledger each."""

_REASONS = {DELETED: "its release was deleted on GitHub", UNPUBLISHED: "its release is a draft again on GitHub"}


@dataclass(frozen=True)
class Withdrawal:
    """The release with `key` was withdrawn. `at`: when. `reason`: what happened on GitHub, for people.

    `until`: the date of the publication that was withdrawn. A release that is published again keeps its key and gets
    a later date. None if that cannot happen, because it was deleted.
    """

    key: str
    tag: str
    at: datetime
    reason: str
    until: datetime | None = None

    @classmethod
    def of(cls, event: ReleaseEvent, at: datetime, published_at: datetime | None = None) -> "Withdrawal":
        """Of a signed delivery with one of the actions in WITHDRAWING.

        `published_at`: the date of its publication that was accepted, in case the delivery has none.
        """
        until = None if event.action == DELETED else event.published_at or published_at or at
        return cls(event.key, event.tag, at, _REASONS[event.action], until)

    def covers(self, key: str, published_at: datetime | None) -> bool:
        """Whether a release with that key is the one that was withdrawn, and not a later publication of it."""
        return key == self.key and (self.until is None or published_at is None or published_at <= self.until)

    @property
    def text(self) -> str:
        """Why it does not go live, and what to do; no full stop at its end."""
        return (
            f"{self.reason} ({self.at:%Y-%m-%d %H:%M} UTC), so it never goes live. To roll it out all the same, run "
            f"`updater deploy {self.tag}`"
        )


def published_again(withdrawn: Iterable[Withdrawal], key: str, published_at: datetime | None) -> bool:
    """Whether the release with that key was withdrawn, and the publication of `published_at` is a later one."""
    same = [withdrawal for withdrawal in withdrawn if withdrawal.key == key]
    return bool(same) and not any(withdrawal.covers(key, published_at) for withdrawal in same)
