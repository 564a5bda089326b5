"""Deploy windows: cron expressions, each in its own time zone.

Changes of daylight saving time are handled as in Debian's cron, which cronsim follows.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from app.domain.stack import Window

FIELDS = 5


def opens_at(windows: Sequence[Window], now: datetime) -> datetime | None:
    """When the next of `windows` opens, in UTC; None if one is open or there are none."""
    first = min((_opening(window, now) for window in windows), default=None)
    return first if first is not None and first > now else None


def check(window: Window) -> None:
    """Raises ValueError if `window` is invalid or never opens."""
    if len(window.opens.split()) != FIELDS:
        raise ValueError("should be a cron expression of five fields: minute, hour, day, month, day of the week")
    try:
        _opening(window, datetime.now(UTC))
    except CronSimError as error:
        raise ValueError(f"is not a cron expression ({error})") from error
    except StopIteration as never:
        raise ValueError("is a time that never comes") from never


def _opening(window: Window, now: datetime) -> datetime:
    """The first opening whose window has not closed yet."""
    since = now - timedelta(seconds=window.seconds)
    local = since.astimezone(ZoneInfo(window.time_zone))
    openings = (moment.astimezone(UTC) for moment in CronSim(window.opens, local))
    return next(moment for moment in openings if moment > since)
