"""What was seen of the messages to people during a play."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from app.domain.notices.book import Book
from tests.fakes.notices.targets import FakeTarget, NoticeDisk, Try
from tests.fakes.world import World
from workers.adapters.notifier import Patience

PATIENCE = Patience(send=5, first_pause=1, longest_pause=8, give_up=40)
URLS = ("friend", "other")
"""Two targets: faults happen to the first one only."""

Message = tuple[str, str]
"""The target (its number in the book) and the id of the notice."""


@dataclass
class Notices:
    """`requests` counts how often a worker wanted to send each notice, `tries` are those that its target got.

    `wanted` has when each message was last wanted, `kept` when it came onto the disk, `given_up` when it was given up,
    `unsaved` when writes failed.
    """

    world: World
    targets: tuple[FakeTarget, ...] = tuple(map(FakeTarget, URLS))
    requests: Counter[str] = field(default_factory=Counter)
    tries: list[Try] = field(default_factory=list)
    wanted: dict[Message, float] = field(default_factory=dict)
    kept: dict[Message, float] = field(default_factory=dict)
    given_up: dict[Message, float] = field(default_factory=dict)
    unsaved: list[float] = field(default_factory=list)
    received: Callable[[Try], object] = lambda _: None
    dropped: Callable[[Message], object] = lambda _: None

    def __post_init__(self) -> None:
        self.disk = NoticeDisk(self.world.disk, written=self._written)
        self.targets = tuple(FakeTarget(url, received=self._received) for url in URLS)

    @property
    def waiting(self) -> int:
        return self.disk.latest.counts()["waiting"]

    def got(self, event: str) -> int:
        """How often the first target got the notice `event`."""
        return sum(notice.id == event for notice in self.targets[0].got)

    def _received(self, trying: Try) -> None:
        self.received(trying)
        self.tries.append(trying)

    def _written(self, last: Book, new: Book, before: Book | None) -> None:
        now = self.world.clock.monotonic()
        self.requests.update(event for event in new.told if event not in last.told and _waits(new, event))
        self.wanted |= dict.fromkeys(_messages(new) - _messages(last), now)
        if new.given_up > last.given_up:
            for message in _messages(last) - _messages(new):
                self.given_up[message] = now
                self.dropped(message)
        if before is None:
            self.unsaved.append(now)
        else:
            self.kept |= dict.fromkeys(_messages(new) - _messages(before), now)


def _waits(book: Book, event: str) -> bool:
    return any(waiting.notice.id == event for waiting in book.waiting)


def _messages(book: Book) -> set[Message]:
    return {(target, waiting.notice.id) for waiting in book.waiting for target in waiting.to}
