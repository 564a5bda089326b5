"""Messages to people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from app.domain.notices.notice import Notice


class Notifier(Protocol):
    """Sends messages to people in the background. Sending never delays or fails a rollout."""

    def notify(self, notice: Notice) -> None:
        """Sends each event once, identified by its id, even after a restart."""

    def mark(self, event: str) -> None:
        """Records that `event` needs no message of its own because another message covers it."""

    def settle(self, prefix: str, *, standing: Sequence[str] = (), before: datetime | None = None) -> bool:
        """Allows a new message for each past event whose id begins with `prefix`. Returns whether there were any.

        An event is past when it is not in `standing` and was recorded before `before` (default: QUIET ago).
        """

    def counts(self) -> dict[str, int]:
        """Numbers of messages, counted per target: `sent`, `given_up`, `waiting`; and the number of `targets`."""
