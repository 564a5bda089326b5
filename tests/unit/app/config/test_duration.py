import pytest

from app.config.duration import seconds_in


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("15m", 900), ("1h", 3600), (" 7d ", 604_800)])
def test_duration_is_parsed_into_seconds(text: str, value: float) -> None:
    assert seconds_in(text) == value


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1.5h", "1w", "1h30m", "٣h"])
def test_invalid_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="1h or 7d"):
        seconds_in(text)
