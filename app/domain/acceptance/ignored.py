"""A release that was ignored: what people see of it."""

import re
from dataclasses import dataclass
from datetime import datetime

from app.domain.acceptance.policy import Cause, Refusal, ReleaseEvent
from app.domain.tags import MAX_TAG_LENGTH

IGNORED_KEPT = 50
LONGEST_NAME = 140

_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class IgnoredRelease:
    """A delivery of a release, or a release in GitHub's list, that is not wanted.

    `key`: `<repository id>:<release id>`. `cause`: a stable word, see Cause. `at`: when it was ignored, ISO 8601.
    `delivery`: the id of the webhook; None if it was found in GitHub's list.
    """

    key: str
    tag: str
    repository: str
    action: str
    cause: str
    reason: str
    at: str
    delivery: str | None = None

    @classmethod
    def of(cls, event: ReleaseEvent, refusal: Refusal, at: datetime, delivery: str | None = None) -> "IgnoredRelease":
        return cls(
            key=event.key,
            tag=event.tag[:MAX_TAG_LENGTH],
            repository=event.repository[:LONGEST_NAME],
            action=event.action[:LONGEST_NAME],
            cause=refusal.cause,
            reason=refusal.text,
            at=at.isoformat(),
            delivery=delivery[:LONGEST_NAME] if delivery else None,
        )

    @property
    def surprise(self) -> str | None:
        """What people are notified of once: a kind of tag, or a repository. None if it is ignored as usual.

        Tags that differ only in their numbers are one kind: each release of another part of a monorepo is no news.
        """
        if self.cause == Cause.TAG:
            return f"tag {_DIGITS.sub('#', self.tag)}"
        return f"repository {self.repository.lower()}" if self.cause == Cause.REPOSITORY else None
