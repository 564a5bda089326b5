"""The targets of notices, and the file of the notice book, in memory: both survive the end of a worker."""

import asyncio
import concurrent.futures
from collections.abc import Callable
from dataclasses import dataclass, field

from app.domain.notices.book import Book
from app.domain.notices.notice import Notice
from tests.fakes.disk import FakeDisk
from tests.fakes.processes import PROCESS, Process
from workers.ports.mutation import Fence, no_fence

Trying = concurrent.futures.Future[str | None]
REFUSED = "the target answered with 500"


@dataclass(eq=False)
class Try:
    """One try of `process`. `received_at`: when the target got the message; `answered_at`: when its answer arrived."""

    target: str
    notice: Notice
    process: Process | None
    done: Trying
    began_at: float
    received_at: float | None = None
    answered_at: float | None = None


@dataclass
class FakeTarget:
    """`refuses`: it answers with an error. `hangs`: it does not answer until `go_on`.

    `unheard`: a hanging target does not get the message either, before `go_on`. `seconds`: how long a message
    takes, and its answer.
    `received` is called when the target gets a message. A message of a process that ended earlier does not arrive.
    """

    url: str
    seconds: float = 0.05
    refuses: bool = False
    hangs: bool = False
    unheard: bool = False
    received: Callable[[Try], object] = lambda _: None
    got: list[Notice] = field(default_factory=list)
    _waiting: list[Try] = field(default_factory=list)

    def begin(self, notice: Notice) -> Trying:
        done = Trying()
        done.set_running_or_notify_cancel()
        trying = Try(self.url, notice, PROCESS.get(), done, asyncio.get_running_loop().time())
        asyncio.get_running_loop().call_later(self.seconds, self._arrive, trying)
        return done

    def go_on(self) -> None:
        """Answers again, including the messages that waited."""
        self.hangs = self.unheard = False
        waiting, self._waiting = self._waiting, []
        for trying in waiting:
            self._arrive(trying)

    def _arrive(self, trying: Try) -> None:
        if trying.process is not None and not trying.process.alive:
            return
        if not self.refuses and not self.unheard and trying.received_at is None:
            trying.received_at = asyncio.get_running_loop().time()
            self.got.append(trying.notice)
            self.received(trying)
        if self.hangs:
            self._waiting.append(trying)
        else:
            asyncio.get_running_loop().call_later(self.seconds, self._answer, trying)

    def _answer(self, trying: Try) -> None:
        if trying.process is not None and not trying.process.alive:
            return
        trying.answered_at = asyncio.get_running_loop().time()
        trying.done.set_result(None if trying.received_at is not None else REFUSED)


@dataclass
class NoticeDisk:
    """The file's content on `disk`. `full`: it cannot be written. `written` is called with each try to write it.

    `latest`: the book that a process read or wrote last, whether its write failed or not.

    Its arguments: the book that the writer wrote or read before, the new one, and the content of the file before; None
    if the write failed.
    """

    disk: FakeDisk
    content: Book = field(default_factory=Book)
    latest: Book = field(default_factory=Book)
    full: bool = False
    written: Callable[[Book, Book, Book | None], object] = lambda *_: None


class FakeNoticeFile:
    """One process's access to the file."""

    def __init__(self, disk: NoticeDisk, fence: Fence = no_fence) -> None:
        self._disk, self._fence = disk, fence
        self._last = Book()

    def read(self) -> Book:
        self._last = self._disk.latest = self._disk.content
        return self._last

    def write(self, book: Book) -> None:
        self._fence()
        last, self._last, before = self._last, book, self._disk.content
        self._disk.latest = book
        if self._disk.full or self._disk.disk.full:
            self._disk.written(last, book, None)
            return
        self._disk.content = book
        self._disk.written(last, book, before)
