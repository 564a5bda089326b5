"""The notifier in memory, with one target."""

from collections.abc import Sequence
from datetime import datetime

from app.domain.notices.book import QUIET, Book
from app.domain.notices.notice import Notice
from tests.fakes.clock import FakeClock


class FakeNotifier:
    """Notifies one target that accepts everything; `notices` survives the end of the worker."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._book = Book()

    @property
    def notices(self) -> list[Notice]:
        return [waiting.notice for waiting in self._book.waiting]

    def notify(self, notice: Notice) -> None:
        self._book = self._book.notify(notice, self._clock.now(), ["friend"])

    def mark(self, event: str) -> None:
        self._book = self._book.mark(event, self._clock.now())

    def settle(self, prefix: str, *, standing: Sequence[str] = (), before: datetime | None = None) -> bool:
        book = self._book
        self._book = book.forget(prefix, but=standing, before=before or self._clock.now() - QUIET)
        return self._book is not book

    def counts(self) -> dict[str, int]:
        return {**self._book.counts(), "targets": 1}

    def give_up(self) -> None:
        """Gives up the oldest message, as if the target had not accepted it in time."""
        self._book = self._book.give_up(self.notices[0].id, "friend")
