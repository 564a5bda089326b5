"""The status that the worker published last."""

import hashlib
from dataclasses import dataclass

from app.api.status import PublishedStatus
from app.domain.findings import Alarm
from app.ledger import Ledger
from app.ledger.base import json_object


@dataclass(frozen=True)
class SeenStatus:
    """A status and its `fingerprint`, by which Redis knows whether it is still the published one."""

    status: PublishedStatus
    fingerprint: str


async def published_status(ledger: Ledger) -> PublishedStatus:
    """The defaults if the worker never published one. Raises LedgerUnavailable.

    A worker of another version may publish values that this process cannot read: then the status has an alarm.
    """
    return status_in(await ledger.status_text())


async def seen_status(ledger: Ledger) -> SeenStatus:
    """The published status with its fingerprint. Raises LedgerUnavailable."""
    text = await ledger.status_text()
    return SeenStatus(status_in(text), hashlib.sha1(text or b"", usedforsecurity=False).hexdigest())


def status_in(text: bytes | None) -> PublishedStatus:
    status, unreadable = PublishedStatus.as_far_as_readable(json_object(text) or {})
    if not unreadable:
        return status
    return status.model_copy(update={"alarms": (*status.alarms, _alarm(unreadable))})


def _alarm(unreadable: tuple[str, ...]) -> Alarm:
    text = (
        f"The worker is of another version than this web process, which cannot read {', '.join(unreadable)} of its "
        "status. Your traffic and rollouts are not affected, but this status is incomplete. Run both in one version."
    )
    return Alarm("status_unreadable", text)
