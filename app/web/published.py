"""The status that the worker published last."""

from app.api.status import PublishedStatus
from app.domain.findings import Alarm
from app.ledger import Ledger


async def published_status(ledger: Ledger) -> PublishedStatus:
    """The defaults if the worker never published one. Raises LedgerUnavailable.

    A worker of another version may publish values that this process cannot read: then the status has an alarm.
    """
    status, unreadable = PublishedStatus.as_far_as_readable(await ledger.status() or {})
    if not unreadable:
        return status
    return status.model_copy(update={"alarms": (*status.alarms, _alarm(unreadable))})


def _alarm(unreadable: tuple[str, ...]) -> Alarm:
    text = (
        f"The worker is of another version than this web process, which cannot read {', '.join(unreadable)} of its "
        "status. Your traffic and rollouts are not affected, but this status is incomplete. Run both in one version."
    )
    return Alarm("status_unreadable", text)
