"""A copy of the journal for a self-update, restored if the new updater wrote a journal that the old cannot read."""

from pathlib import Path

import structlog

from app.domain.errors import EngineFailed
from app.files import replace_durably
from workers.adapters.disk.journal import MODE, PREVIOUS
from workers.adapters.disk.state_json import decode, is_intact

log = structlog.get_logger()


class JournalCopy:
    """A copy in `directory` of the journal at `path`. It is made once: a restart must not copy a new worker's journal.

    This code runs in the old updater's version, so "readable" means readable by the old updater.
    """

    def __init__(self, path: Path, directory: Path) -> None:
        self._path, self._copy = path, directory / "journal"

    @property
    def kept(self) -> bool:
        """Whether the copy exists: the journal was handed over."""
        return self._copy.exists()

    def keep(self) -> None:
        """Copies the journal. Raises EngineFailed if that fails: there is no handover without a way back."""
        try:
            if not self.kept and self._path.exists():
                self._write(self._copy, self._path.read_bytes())
        except OSError as error:
            raise EngineFailed(f"the journal could not be copied before the handover ({error})") from error

    def give_back(self) -> None:
        """Restores the copy if this version cannot read the journal. No worker runs meanwhile. Raises EngineFailed.

        Nothing is lost: a new worker begins nothing until its succession has ended. A journal that is damaged or
        missing stays so: the old updater then uses its previous copy, pauses, and says that the last changes are lost.
        If that one cannot be read either, this copy takes its place.
        """
        previous = self._path.with_name(self._path.name + PREVIOUS)
        if _is_readable(self._path) or (not _is_intact(self._path) and _is_readable(previous)):
            return
        restored = self._path if _is_intact(self._path) else previous
        log.warning("the old updater cannot read the new one's journal; restoring the copy", path=restored)
        try:
            self._write(restored, self._copy.read_bytes())
        except OSError as error:
            raise EngineFailed(f"the journal could not be restored ({error})") from error

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        replace_durably(path, content, staging=path.parent, mode=MODE)


def _is_readable(path: Path) -> bool:
    try:
        decode(path.read_bytes())
    except (OSError, ValueError):
        return False
    return True


def _is_intact(path: Path) -> bool:
    try:
        return is_intact(path.read_bytes())
    except OSError:
        return False
