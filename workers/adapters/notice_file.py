"""The file that keeps which notices were sent and which are waiting."""

import json
from pathlib import Path

import structlog
from pydantic import AwareDatetime, ValidationError

from app.domain.notices.book import Book, Waiting
from app.files import keep_copy, replace_durably
from app.lazy_adapter import LazyAdapter
from app.stored import read_each
from workers.ports.mutation import Fence, no_fence

MODE = 0o600
_BOOK = LazyAdapter(Book)
_WAITING = LazyAdapter(Waiting)
_TOLD = LazyAdapter(tuple[str, AwareDatetime])
_COUNT = LazyAdapter(int)
_TWICE = "some messages may be sent twice"

log = structlog.get_logger()


class NoticeFile:
    """The book in the file at `path`. `fence` is asked right before the file is replaced."""

    def __init__(self, path: Path, fence: Fence = no_fence) -> None:
        self._path, self._fence = path, fence

    def read(self) -> Book:
        """Returns the content of the file. Of a file that another version wrote, it returns what is readable."""
        try:
            content = self._path.read_bytes()
            return _BOOK.built.validate_json(content)
        except FileNotFoundError:
            return Book()
        except OSError as error:
            self._warn("cannot read the notification state", error, effect=_TWICE)
            return Book()
        except ValidationError as error:
            copy = keep_copy(self._path, mode=MODE)
            self._warn("cannot read all of the notification state", error, effect=_TWICE, kept=copy)
            return _readable(content)

    def write(self, book: Book) -> None:
        """Keeps `book`. If the write fails, a restart loses the change; the reason is logged. Raises StaleWorker."""
        content, staging = _BOOK.built.dump_json(book), self._path.parent
        try:
            replace_durably(self._path, content, staging=staging, mode=MODE, prepare=lambda _: self._fence())
        except OSError as error:
            self._warn("could not save the notification state", error)

    def _warn(self, event: str, error: Exception, **more: object) -> None:
        log.warning(event, path=str(self._path), reason=str(error), **more)


def _readable(content: bytes) -> Book:
    try:
        fields = json.loads(content)
    except ValueError:
        return Book()
    if not isinstance(fields, dict):
        return Book()
    told = fields.get("told")
    known = dict(read_each(_TOLD, told.items() if isinstance(told, dict) else ()))
    sent, given_up = (next(iter(read_each(_COUNT, [fields.get(name)])), 0) for name in ("sent", "given_up"))
    return Book(known, tuple(read_each(_WAITING, fields.get("waiting"))), sent, given_up)
