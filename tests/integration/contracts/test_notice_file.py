"""The contract of the notice book's file, tested on the fake and on the file."""

from pathlib import Path
from typing import Protocol

import pytest

from app.domain.errors import StaleWorker
from app.domain.notices.book import Book
from app.domain.notices.notice import Kind, Notice
from tests.examples import NOW
from tests.fakes.disk import FakeDisk
from tests.fakes.notices.targets import FakeNoticeFile, NoticeDisk
from workers.adapters.notice_file import NoticeFile
from workers.adapters.notifier import KeptBook
from workers.ports.mutation import Fence, no_fence

ONE = Book().notify(Notice("e1", Kind.LIVE, "shop: e1", "It is live."), NOW, ["friend"])
TWO = ONE.delivered("e1", "friend")


class Shelf(Protocol):
    """Where the file is. `open` is what a new process does; `fill` makes writes fail."""

    def open(self, fence: Fence = no_fence) -> KeptBook: ...
    def fill(self) -> None: ...


class NoticeFileContract:
    def test_missing_file_is_an_empty_book(self, shelf: Shelf) -> None:
        assert shelf.open().read() == Book()

    def test_the_last_write_is_read(self, shelf: Shelf) -> None:
        file = shelf.open()
        file.write(ONE)
        file.write(TWO)
        assert shelf.open().read() == TWO

    def test_failed_write_keeps_the_file(self, shelf: Shelf) -> None:
        file = shelf.open()
        file.write(ONE)
        shelf.fill()
        file.write(TWO)
        assert shelf.open().read() == ONE

    def test_a_replaced_worker_writes_nothing(self, shelf: Shelf) -> None:
        def replaced() -> None:
            raise StaleWorker("another worker has taken over")

        shelf.open().write(ONE)
        with pytest.raises(StaleWorker):
            shelf.open(replaced).write(TWO)
        assert shelf.open().read() == ONE

    def test_an_open_file_reads_what_others_wrote(self, shelf: Shelf) -> None:
        waiting = shelf.open()
        shelf.open().write(ONE)
        assert waiting.read() == ONE


class TestFakeNoticeFile(NoticeFileContract):
    @pytest.fixture
    def shelf(self) -> Shelf:
        class Fake:
            disk = NoticeDisk(FakeDisk())

            def open(self, fence: Fence = no_fence) -> KeptBook:
                return FakeNoticeFile(self.disk, fence)

            def fill(self) -> None:
                self.disk.disk.full = True

        return Fake()


class TestNoticeFile(NoticeFileContract):
    @pytest.fixture
    def shelf(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
        class Real:
            def open(self, fence: Fence = no_fence) -> KeptBook:
                return NoticeFile(tmp_path / "notices.json", fence)

            def fill(self) -> None:
                monkeypatch.setattr(Path, "replace", _no_space)

        return Real()


def _no_space(*_: object) -> None:
    raise OSError(28, "No space left on device")
