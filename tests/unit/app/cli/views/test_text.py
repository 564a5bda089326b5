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
def test_what_a_terminal_would_obey_is_not_shown(value: object, shown: str) -> None:
    assert plain(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0.0 s"), (4.24, "4.2 s"), (41.4, "41 s"), (59.7, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_seconds_as_a_person_says_them(value: float, shown: str) -> None:
    assert seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0 B"), (1536, "1.5 KB"), (3 * 1024**3, "3.0 GB"), (2048 * 1024**3, "2048.0 GB")]
)
def test_sizes_as_the_stack_file_has_them(value: float, shown: str) -> None:
    assert size(value) == shown


def test_moments_are_in_utc_and_what_is_none_stays() -> None:
    assert moment("2026-01-02T04:04:05.6+01:00") == "2026-01-02 03:04:05 UTC"
    assert moment("soon") == "soon"


def test_a_release_is_told_with_what_is_known_of_it() -> None:
    assert release("v1.0.0", "0123456789abcdef") == "v1.0.0 (0123456789ab)"
    assert (release("v1.0.0", None), release(None, "0123456789abcdef")) == ("v1.0.0", "0123456789ab")
    assert release(None, None) == "nothing"
