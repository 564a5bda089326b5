"""Which notices were sent and which wait: bounded, and the same after a restart."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.domain.notices import Notice

TOLD_KEPT = 500
WAITING_MOST = 100
"""How many messages wait at most; beyond it the oldest is given up."""

QUIET = timedelta(hours=1)
"""An alarm that comes and goes is told once in this time."""


@dataclass(frozen=True)
class Waiting:
    """A message on its way: `to` are the targets that do not have it yet."""

    notice: Notice
    since: datetime
    to: tuple[str, ...]


@dataclass(frozen=True)
class Book:
    """`told`: when each event was told, by its id. `sent` and `given_up` count messages to one target each."""

    told: Mapping[str, datetime] = field(default_factory=dict)
    waiting: tuple[Waiting, ...] = ()
    sent: int = 0
    given_up: int = 0

    def tell(self, notice: Notice, at: datetime, to: Collection[str]) -> "Book":
        """The message waits for every target in `to`; an event that was told before changes nothing."""
        if notice.id in self.told:
            return self
        told = self.mark(notice.id, at)
        return replace(told, waiting=(*told.waiting, Waiting(notice, at, tuple(to))))._bounded() if to else told

    def mark(self, event: str, at: datetime) -> "Book":
        """The event is told, by another message."""
        if event in self.told:
            return self
        return replace(self, told=dict([*self.told.items(), (event, at)][-TOLD_KEPT:]))

    def forget(self, prefix: str, *, but: Collection[str] = (), before: datetime) -> "Book":
        """What begins with `prefix`, was told `before` and is over (not in `but`) may be told again."""
        kept = {e: at for e, at in self.told.items() if not e.startswith(prefix) or e in but or at > before}
        return replace(self, told=kept) if len(kept) < len(self.told) else self

    def next_for(self, target: str) -> Waiting | None:
        """The oldest message that `target` does not have."""
        return next((w for w in self.waiting if target in w.to), None)

    def delivered(self, event: str, target: str) -> "Book":
        return replace(self._taken(event, target), sent=self.sent + 1)

    def give_up(self, event: str, target: str) -> "Book":
        return replace(self._taken(event, target), given_up=self.given_up + 1)

    def only_for(self, targets: Collection[str]) -> "Book":
        """Without the targets that are not configured any more."""
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
