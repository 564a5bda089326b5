"""A duration on the command line."""

from app.cli.errors import WrongUse
from app.config.duration import seconds_in


def parse_duration(text: str) -> float:
    """Seconds of the duration `text`. Raises WrongUse."""
    try:
        return seconds_in(text)
    except ValueError as error:
        raise WrongUse(f"{text!r} is not a duration.", "Write it as 90s, 15m, 1h or 7d.") from error
