from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.errors import EngineFailed
from app.domain.state import SCHEMA, State
from workers.adapters.disk.journal import FileJournal
from workers.adapters.disk.journal_copy import JournalCopy
from workers.adapters.disk.state_json import encode

HANDED_OVER = State(epoch=7, last_good_tag="v1.1.0")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "state.json"
    path.write_bytes(encode(HANDED_OVER))
    return path


@pytest.fixture
def copy(journal: Path, tmp_path: Path) -> JournalCopy:
    (tmp_path / "r-1").mkdir()
    return JournalCopy(journal, tmp_path / "r-1")


def test_give_back_restores_the_journal(journal: Path, copy: JournalCopy) -> None:
    copy.keep()
    journal.write_bytes(encode(replace(HANDED_OVER, schema=SCHEMA + 1, epoch=8)))
    copy.keep()  # a second start: the copy is not replaced by what the new worker wrote
    copy.give_back()
    assert FileJournal(journal).load() == HANDED_OVER
    assert journal.stat().st_mode & 0o777 == 0o600


def test_give_back_keeps_a_readable_journal(journal: Path, copy: JournalCopy) -> None:
    copy.keep()
    written = encode(replace(HANDED_OVER, epoch=8))
    journal.write_bytes(written)
    copy.give_back()
    assert journal.read_bytes() == written


@pytest.mark.parametrize("damage", [b"", b"{}", None])
def test_damaged_journal_shows_its_loss(journal: Path, copy: JournalCopy, damage: bytes | None) -> None:
    """The new worker may have acknowledged a pause: the old one must not go on as if nothing was lost."""
    copy.keep()
    _previous(journal).write_bytes(encode(written := replace(HANDED_OVER, epoch=8)))
    _damage(journal, damage)
    copy.give_back()
    old = FileJournal(journal)
    assert old.load() == written
    assert "used the previous copy" in str(old.lost)


@pytest.mark.parametrize("previous", [b"{}", None, encode(replace(HANDED_OVER, schema=SCHEMA + 1))])
def test_copy_replaces_an_unreadable_previous_one(journal: Path, copy: JournalCopy, previous: bytes | None) -> None:
    copy.keep()
    _damage(journal, b"{}")
    _damage(_previous(journal), previous)
    copy.give_back()
    old = FileJournal(journal)
    assert old.load() == HANDED_OVER
    assert "used the previous copy" in str(old.lost)


def _previous(journal: Path) -> Path:
    return journal.with_name(journal.name + ".previous")


def _damage(path: Path, content: bytes | None) -> None:
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)


def test_copy_is_kept_after_keep(journal: Path, copy: JournalCopy) -> None:
    assert not copy.kept
    copy.keep()
    assert copy.kept


def test_missing_journal_is_not_copied(journal: Path, copy: JournalCopy) -> None:
    journal.unlink()
    copy.keep()
    assert not copy.kept


def test_failed_copy_raises_a_named_error(journal: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="could not be copied"):
        JournalCopy(journal, tmp_path / "gone").keep()
