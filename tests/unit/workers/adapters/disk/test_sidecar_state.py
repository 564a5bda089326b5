"""The state file of the sidecar before this updater."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.domain.stack import Color
from app.domain.state import State
from tests.unit.workers.adapters.disk.test_state_json import FULL
from workers.adapters.disk.journal import FileJournal
from workers.adapters.disk.sidecar_state import ignored, is_sidecar_state, sidecar_state
from workers.adapters.disk.state_json import decode, encode

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


@pytest.mark.parametrize("paused", ["false", "False", " no ", "off", "0", "", "null", 0, 0.0, None, False])
def test_every_form_of_false_is_no_pause(paused: object) -> None:
    state = sidecar_state({**OLD, "paused": paused})
    assert (state.paused, state.pause_reason) == (False, None)


@pytest.mark.parametrize("paused", ["true", "TRUE", "yes", "on", "1", 1, -1, 1.0, True])
def test_every_form_of_true_is_a_pause(paused: object) -> None:
    state = sidecar_state({**OLD, "paused": paused})
    assert (state.paused, state.pause_reason) == (True, "docker build failed")


@pytest.mark.parametrize("paused", ["maybe", [], ["false"], {}, "2"])
def test_unclear_pause_is_one_and_says_why(paused: object) -> None:
    state = sidecar_state({**OLD, "paused": paused, "pause_reason": None})
    assert state.paused
    assert f"`paused` is {paused!r}, which is neither true nor false" in str(state.pause_reason)
    assert sidecar_state({**OLD, "paused": paused}).pause_reason == "docker build failed"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"last_good_tag": "", "pause_reason": None, "from_a_later_sidecar": 1}, []),
        ({"active_color": " Green "}, []),
        ({"active_color": "purple"}, ["active_color is 'purple', which is not blue or green: it counts as missing"]),
        ({"last_good_tag": 1.2}, ["last_good_tag is 1.2, which is not a string: it counts as missing"]),
        ({"last_attempted_tag": False}, ["last_attempted_tag is False, which is not a string: it counts as missing"]),
        ({"pause_reason": 7}, ["pause_reason is 7, which is not a string: it counts as missing"]),
        ({"resumed_at": "yesterday"}, ["resumed_at is 'yesterday', which is not a time: it counts as missing"]),
        ({"last_success_at": True}, ["last_success_at is True, which is not a time: it counts as missing"]),
        ({"last_success_at": 1e30}, ["last_success_at is 1e+30, which is not a time: it counts as missing"]),
        ({"last_success_at": 0}, []),
        ({"paused": "false"}, ["paused is 'false', which is not true or false: it counts as false"]),
        ({"paused": 1}, ["paused is 1, which is not true or false: it counts as true"]),
        (
            {"paused": ["x"]},
            ["paused is ['x'], which is not true or false: it counts as true until an operator unpauses"],
        ),
    ],
)
def test_every_value_that_is_not_taken_over_is_said(change: dict[str, Any], said: list[str]) -> None:
    assert ignored({**OLD, **change}) == said


def test_value_that_is_shown_is_short() -> None:
    (said,) = ignored({**OLD, "last_good_tag": ["x" * 500]})
    assert len(said) < 150


def test_number_is_a_time_and_a_color_may_have_capitals() -> None:
    state = sidecar_state({**OLD, "last_success_at": 1767225600, "active_color": "BLUE"})
    assert (state.last_success_at, state.active_color) == (datetime(2026, 1, 1, tzinfo=UTC), Color.BLUE)


def test_journal_logs_what_it_does_not_take_over(tmp_path: Path) -> None:
    path = tmp_path / "updater-state.json"
    path.write_text(json.dumps({**OLD, "active_color": "purple", "paused": "false"}))
    with capture_logs() as logs:
        assert not FileJournal(path).load().paused
    warned = [each["value"] for each in logs if each["log_level"] == "warning"]
    assert [each.split(",")[0] for each in warned] == ["active_color is 'purple'", "paused is 'false'"]


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
