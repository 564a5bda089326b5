from datetime import UTC, datetime

import pytest

from app.config.windows import check, opens_at
from app.domain.stack import Window

HOUR = 3600.0
NIGHTS = Window("0 22 * * 1-5", 4 * HOUR, "Europe/Berlin")
"""From 22:00 to 02:00 in Berlin, from Monday to Friday: 21:00 UTC in winter, 20:00 in summer."""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def opens(window: Window, now: str) -> str | None:
    moment = opens_at([window], at(now))
    return moment.isoformat(timespec="minutes").removesuffix("+00:00") if moment else None


@pytest.mark.parametrize(
    ("now", "next_opening"),
    [
        ("2026-01-12T20:59:59", "2026-01-12T21:00"),
        ("2026-01-12T21:00:00", None),
        ("2026-01-13T00:59:59", None),
        ("2026-01-13T01:00:00", "2026-01-13T21:00"),
        ("2026-01-17T00:30:00", None),  # Saturday in Berlin, in Friday's window
        ("2026-01-17T01:00:00", "2026-01-19T21:00"),
        ("2026-07-13T19:59:59", "2026-07-13T20:00"),
        ("2026-07-13T20:00:00", None),
        ("2026-03-27T20:30:00", "2026-03-27T21:00"),  # the last window before the clocks go forward
        ("2026-03-28T12:00:00", "2026-03-30T20:00"),
    ],
)
def test_window_follows_its_time_zone(now: str, next_opening: str | None) -> None:
    assert opens(NIGHTS, now) == next_opening


@pytest.mark.parametrize(
    ("now", "next_opening"),
    [
        ("2026-03-29T00:59:00", "2026-03-29T01:00"),  # 02:30 does not exist on that day; 03:00 replaces it
        ("2026-03-29T01:00:00", None),
        ("2026-03-29T02:00:00", "2026-03-30T00:30"),
        ("2026-10-25T00:29:00", "2026-10-25T00:30"),  # 02:30 occurs twice on that day, but opens the window once
        ("2026-10-25T01:29:00", None),
        ("2026-10-25T01:30:00", "2026-10-26T01:30"),
        ("2026-10-25T02:15:00", "2026-10-26T01:30"),
    ],
)
def test_window_opens_once_when_clocks_change(now: str, next_opening: str | None) -> None:
    assert opens(Window("30 2 * * *", HOUR, "Europe/Berlin"), now) == next_opening


def test_any_open_window_is_enough() -> None:
    nightly, noon = Window("0 2 * * *", HOUR), Window("0 12 * * *", HOUR)
    assert opens_at([nightly, noon], at("2026-01-12T12:30:00")) is None
    assert opens_at([nightly, noon], at("2026-01-12T13:00:00")) == at("2026-01-13T02:00:00")
    assert opens_at([nightly, noon], at("2026-01-12T03:00:00")) == at("2026-01-12T12:00:00")


def test_no_windows_means_always_open() -> None:
    assert opens_at([], at("2026-01-12T12:30:00")) is None


def test_adjacent_windows_never_close() -> None:
    hourly = Window("0 * * * *", HOUR)
    moments = [f"2026-01-12T{hour:02}:{minute:02}:00" for hour in (0, 23) for minute in (0, 59)]
    assert {opens(hourly, moment) for moment in moments} == {None}


def test_window_that_opens_is_valid() -> None:
    check(NIGHTS)
    check(Window("0 0 29 2 *", HOUR))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "five fields"),
        ("0 22 * *", "five fields"),
        ("0 0 22 * * 1", "five fields"),
        ("@daily", "five fields"),
        ("0 24 * * *", "not a cron expression"),
        ("a b c d e", "not a cron expression"),
        ("0 0 30 2 *", "not a cron expression"),
        ("0 0 */15 * 1#2", "a time that never comes"),  # the second Monday is never the 1st, 16th or 31st
    ],
)
def test_a_window_that_never_opens_is_refused(expression: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(Window(expression, HOUR))
