"""Which notices were sent and which are waiting: bounded, and kept across restarts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.domain.notices.notice import Notice

TOLD_KEPT = 500
WAITING_MOST = 100
"""The most messages that wait at once. Beyond it the oldest is dropped."""

QUIET = timedelta(hours=1)
"""A recurring alarm is notified at most once in this time."""


@dataclass(frozen=True)
class Waiting:
    """A message that is being sent: `to` are the targets that have not received it yet."""

    notice: Notice
    since: datetime
    to: tuple[str, ...]


@dataclass(frozen=True)
class Book:
    """`told`: when each event was notified, by its id. `sent` and `given_up` count one message per target."""

    told: Mapping[str, datetime] = field(default_factory=dict)
    waiting: tuple[Waiting, ...] = ()
    sent: int = 0
    given_up: int = 0

    def notify(self, notice: Notice, at: datetime, to: Collection[str]) -> "Book":
        """Adds the message for every target in `to`. Does nothing for an event that was already notified."""
        if notice.id in self.told:
            return self
        marked = self.mark(notice.id, at)
        return replace(marked, waiting=(*marked.waiting, Waiting(notice, at, tuple(to))))._bounded() if to else marked

    def mark(self, event: str, at: datetime) -> "Book":
        """Marks the event as notified without sending a message for it."""
        if event in self.told:
            return self
        return replace(self, told=dict([*self.told.items(), (event, at)][-TOLD_KEPT:]))

    def forget(self, prefix: str, *, but: Collection[str] = (), before: datetime) -> "Book":
        """Lets events be notified again: ids with `prefix` that were notified by `before` and are not in `but`."""
        kept = {e: at for e, at in self.told.items() if not e.startswith(prefix) or e in but or at > before}
        return replace(self, told=kept) if len(kept) < len(self.told) else self

    def next_for(self, target: str) -> Waiting | None:
        """The oldest message that `target` has not received."""
        return next((w for w in self.waiting if target in w.to), None)

    def delivered(self, event: str, target: str) -> "Book":
        return replace(self._taken(event, target), sent=self.sent + 1)

    def give_up(self, event: str, target: str) -> "Book":
        return replace(self._taken(event, target), given_up=self.given_up + 1)

    def only_for(self, targets: Collection[str]) -> "Book":
        """Drops targets that are no longer configured."""
        left = [replace(w, to=tuple(t for t in w.to if t in targets)) for w in self.waiting]
        return replace(self, waiting=tuple(w for w in left if w.to))

    def counts(self) -> dict[str, int]:
        return {"sent": self.sent, "given_up": self.given_up, "waiting": sum(len(w.to) for w in self.waiting)}

    def _taken(self, event: str, target: str) -> "Book":
        left = [
            replace(w, to=tuple(t for t in w.to if t != target)) if w.notice.id == event else w for w in self.waiting
        ]
        return replace(self, waiting=tuple(w for w in left if w.to))

    def _bounded(self) -> "Book":
        over, kept = self.waiting[:-WAITING_MOST], self.waiting[-WAITING_MOST:]
        return replace(self, waiting=kept, given_up=self.given_up + sum(len(w.to) for w in over)) if over else self
