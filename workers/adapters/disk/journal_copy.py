"""A copy of the journal for a self-update: restored if the new updater wrote what the old one cannot read."""

import contextlib
from pathlib import Path

import structlog

from app.domain.errors import EngineFailed
from app.files import replace_durably
from workers.adapters.disk.journal import MODE, decode

log = structlog.get_logger()


class JournalCopy:
    """Of the journal at `path`, in `directory`. It is made once: a second start must not copy what a new worker wrote.

    All of it is read as this version reads it, which is the old updater's.
    """

    def __init__(self, path: Path, directory: Path) -> None:
        self._path, self._copy = path, directory / "journal"

    @property
    def kept(self) -> bool:
        """Whether the journal was handed over."""
        return self._copy.exists()

    def keep(self) -> None:
        """Raises EngineFailed: without a way back nothing is handed over."""
        try:
            if not self.kept and self._path.exists():
                self._write(self._copy, self._path.read_bytes())
        except OSError as error:
            raise EngineFailed(f"the journal could not be copied before it was handed over ({error})") from error

    def give_back(self) -> None:
        """Where the journal cannot be read by this version it is as it was handed over. No worker runs meanwhile.

        Nothing is lost by it: until its succession has ended a new worker begins nothing.
        """
        with contextlib.suppress(OSError, ValueError):
            decode(self._path.read_bytes())
            return
        log.warning("the new updater has left a journal that the old one cannot read: it is put back", path=self._path)
        try:
            self._write(self._path, self._copy.read_bytes())
        except OSError as error:
            raise EngineFailed(f"the journal could not be put back ({error})") from error

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        replace_durably(path, content, staging=path.parent, mode=MODE)
