import pytest

from app.cli.duration import parse_duration
from app.cli.errors import WrongUse


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("15m", 900), ("1h", 3600), (" 7d ", 604_800)])
def test_duration_is_parsed_into_seconds(text: str, value: float) -> None:
    assert parse_duration(text) == value


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1.5h", "1w", "1h30m", "٣h"])
def test_invalid_duration_is_wrong_usage(text: str) -> None:
    with pytest.raises(WrongUse, match="1h or 7d"):
        parse_duration(text)
