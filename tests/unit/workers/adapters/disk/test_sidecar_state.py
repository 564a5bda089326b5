"""The state file of the sidecar before this updater."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.domain.stack import Color
from app.domain.state import State
from tests.unit.workers.adapters.disk.test_journal import FULL
from workers.adapters.disk.journal import FileJournal, decode, encode
from workers.adapters.disk.sidecar_state import is_sidecar_state, sidecar_state

OLD: dict[str, Any] = {
    "active_color": "green",
    "last_attempted_tag": "v1.3.0",
    "last_checked_at": "2026-01-02T03:04:05.123456+00:00",
    "last_failure_at": None,
    "last_good_tag": "v1.2.0",
    "last_success_at": "2026-01-01T00:00:00+00:00",
    "pause_reason": "docker build failed",
    "paused": True,
    "resumed_at": None,
}


def test_every_value_of_the_old_file_is_read() -> None:
    assert sidecar_state(OLD) == State(
        active_color=Color.GREEN,
        last_good_tag="v1.2.0",
        last_attempted_tag="v1.3.0",
        paused=True,
        pause_reason="docker build failed",
        last_checked_at=datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC),
        last_success_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"last_good_tag": ""}, "last_good_tag", None),
        ({"active_color": "purple"}, "active_color", None),
        ({"active_color": 3}, "active_color", None),
        ({"active_color": ["blue"]}, "active_color", None),
        ({"active_color": {"blue": 1}}, "active_color", None),
        ({"last_checked_at": "yesterday"}, "last_checked_at", None),
        ({"last_checked_at": "2026-01-02T03:04:05"}, "last_checked_at", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ({"paused": False}, "pause_reason", None),
        ({"from_a_later_sidecar": [1, 2]}, "last_good_tag", "v1.2.0"),
    ],
)
def test_invalid_value_counts_as_missing(change: dict[str, Any], field: str, value: object) -> None:
    assert getattr(sidecar_state({**OLD, **change}), field) == value


@pytest.mark.parametrize("reason", ["", None, 7])
def test_a_pause_without_a_reason_stays_a_pause(reason: object) -> None:
    state = sidecar_state({**OLD, "pause_reason": reason})
    assert state.paused
    assert "gave no reason" in str(state.pause_reason)


@pytest.mark.parametrize("fields", [{}, [], None, "text", {"other": 1}, {**OLD, "schema": 1}, {**OLD, "checksum": "x"}])
def test_only_a_sidecar_file_is_recognized(fields: object) -> None:
    assert not is_sidecar_state(fields)


async def test_old_file_is_kept_when_state_is_written(tmp_path: Path) -> None:
    path = tmp_path / "updater-state.json"
    text = json.dumps(OLD, indent=2, sort_keys=True)
    path.write_text(text)
    journal = FileJournal(path)
    assert journal.load() == sidecar_state(OLD)
    assert journal.lost is None
    await journal.update(lambda s: s.take_over())
    copy = tmp_path / "updater-state.json.sidecar"
    assert (copy.read_text(), stat.S_IMODE(copy.stat().st_mode)) == (text, 0o600)
    assert decode(path.read_bytes()).last_good_tag == "v1.2.0"


@pytest.mark.parametrize("content", [b'{"active_color": "blue", "last_good', b"", b"\xff\xfe", b"null"])
async def test_damaged_file_is_kept_and_reported(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "updater-state.json"
    path.write_bytes(content)
    journal = FileJournal(path)
    assert journal.load() == State()
    assert "could not be read" in str(journal.lost)
    await journal.update(lambda s: s.take_over())
    assert (tmp_path / "updater-state.json.unreadable").read_bytes() == content


def test_altered_own_file_is_not_a_sidecar_file(tmp_path: Path) -> None:
    path = tmp_path / "updater-state.json"
    path.write_bytes(encode(FULL).replace(b'"paused": true', b'"paused": false'))
    journal = FileJournal(path)
    assert journal.load() == State()
    assert journal.lost is not None
