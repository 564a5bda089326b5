import pytest

from app.web.webhook.access_log import clean


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", ""),
        ("v1.2.3", "v1.2.3"),
        ("a\nb\r\u2028c", "a?b??c"),
        ("\x1b[31m", "?[31m"),
        ("größe", "gr??e"),
        ("0123456789", "0123456789"),
        ("0123456789a", "0123456..."),
        ("x" * 10_000, "xxxxxxx..."),
    ],
)
def test_a_value_is_printable_and_short(value: str, shown: str) -> None:
    assert clean(value, 10) == shown
