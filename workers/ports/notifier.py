"""Messages to people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from app.domain.notices import Notice


class Notifier(Protocol):
    """Tells people. It is told and not waited for: nothing of it delays or fails a rollout."""

    def tell(self, notice: Notice) -> None:
        """Once for each event, by its id, also over a restart."""

    def mark(self, event: str) -> None:
        """The event needs no message of its own: another one tells it."""

    def settle(self, prefix: str, *, standing: Sequence[str] = (), before: datetime | None = None) -> bool:
        """Of the events that begin with `prefix` those that are over may be told again; whether there were any.

        They are over when they are not `standing` and were told `before` (default: long enough ago, QUIET).
        """

    def counts(self) -> dict[str, int]:
        """Messages to one target each: `sent`, `given_up`, `waiting`; and how many `targets` there are."""
