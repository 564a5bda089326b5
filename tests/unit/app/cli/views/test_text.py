import pytest

from app.cli.views.text import (
    moment,
    plain,
    release,
    seconds,
    size,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\rb\x07\x9b2J", "ab2J"),
        ("left\u202eright", "leftright"),
        ("\x1b]0;title\x07", "]0;title"),
        ("line\n\tnext", "line\n\tnext"),
        (None, "None"),
    ],
)
def test_terminal_control_characters_are_removed(value: object, shown: str) -> None:
    assert plain(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0.0 s"), (4.24, "4.2 s"), (41.4, "41 s"), (59.7, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_duration_is_formatted_in_short_units(value: float, shown: str) -> None:
    assert seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0 B"), (1536, "1.5 KB"), (3 * 1024**3, "3.0 GB"), (2048 * 1024**3, "2048.0 GB")]
)
def test_size_is_formatted_in_binary_units(value: float, shown: str) -> None:
    assert size(value) == shown


def test_moment_is_printed_in_utc_or_unchanged() -> None:
    assert moment("2026-01-02T04:04:05.6+01:00") == "2026-01-02 03:04:05 UTC"
    assert moment("soon") == "soon"


def test_release_is_printed_with_known_parts() -> None:
    assert release("v1.0.0", "0123456789abcdef") == "v1.0.0 (0123456789ab)"
    assert (release("v1.0.0", None), release(None, "0123456789abcdef")) == ("v1.0.0", "0123456789ab")
    assert release(None, None) == "nothing"
