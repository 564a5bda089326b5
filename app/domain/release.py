"""A release, and the order of tags."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import total_ordering

from app.domain.errors import TagInvalid

MAX_TAG_LENGTH = 100
_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"  # a number has no leading zero
_TAG = re.compile(
    rf"v?(?P<core>{_NUMBER}\.{_NUMBER}\.{_NUMBER})"
    rf"(?:-(?P<pre>{_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9A-Za-z.-]+)?"
)


@total_ordering
@dataclass(frozen=True)
class Version:
    """A semantic version, ordered by https://semver.org/#spec-item-11."""

    core: tuple[int, ...]
    pre: tuple[str, ...] = ()

    @classmethod
    def of(cls, tag: str) -> "Version":
        """The version in `tag`. Raises TagInvalid if `tag` is not a semantic version."""
        match = _TAG.fullmatch(tag) if len(tag) <= MAX_TAG_LENGTH else None
        if match is None:
            raise TagInvalid(f"{tag[:MAX_TAG_LENGTH]!r} does not have the form v1.2.3 or v1.2.3-rc.1")
        pre = match["pre"].split(".") if match["pre"] else []
        return cls(tuple(int(part) for part in match["core"].split(".")), tuple(pre))

    @classmethod
    def read(cls, tag: str | None) -> "Version | None":
        """The version in `tag`; None if there is none. The tag of an adopted release may have none."""
        try:
            return cls.of(tag) if tag else None
        except TagInvalid:
            return None

    def _precedence(self) -> tuple[object, ...]:
        parts = tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in self.pre)
        return (self.core, not self.pre, parts)

    def __lt__(self, other: "Version") -> bool:
        return self._precedence() < other._precedence()


FORGOTTEN = "forgotten"
"""The rollout id of a duplicate release whose own record is no longer kept."""


def new_rollout_id() -> str:
    return f"r-{secrets.token_hex(6)}"


class Trigger(StrEnum):
    """Who asked for a release."""

    WEBHOOK = "webhook"
    MANUAL = "manual"
    RECOVERY = "recovery"
    RECONCILE = "reconcile"
    """The updater found it on GitHub without a webhook."""


_ASKED_FOR = {Trigger.MANUAL, Trigger.RECOVERY}


@dataclass(frozen=True)
class Release:
    """An accepted release: recorded, but not yet decided.

    `key` identifies it: `<repository id>:<release id>` from signed content, or `manual:<rollout id>`. `rollout_id` is
    the id that its rollout will have. `attempts` counts the rollouts that ended because the worker was interrupted.
    `recall` is the commit SHA of a kept release to restore without a build; with `current_env`, it starts with today's
    values of the operator's files. `approved`: an operator approved it.
    `by`: the caller that asked for it, as text for people; None if no caller did. `retry_at`: its rollout failed, and
    the pause that this began ends if another one succeeds, which begins then; None: no pause ends with it.
    """

    key: str
    tag: str
    rollout_id: str
    trigger: Trigger
    accepted_at: datetime
    version: str | None = None
    force: bool = False
    delivery: str | None = None
    attempts: int = 0
    recall: str | None = None
    approved: bool = False
    by: str | None = None
    current_env: bool = False
    retry_at: datetime | None = None

    @property
    def asked_for(self) -> bool:
        """Whether an operator asked for it, or its rollout has begun. Only a pause holds such a release."""
        return self.trigger in _ASKED_FOR

    @property
    def order(self) -> Version:
        return Version.of(self.tag)

    @property
    def shown_version(self) -> str:
        return self.version or self.tag.removeprefix("v")


@dataclass(frozen=True)
class UnreadableRelease:
    """An accepted release that another version of the updater recorded and this one cannot read.

    `tag` is empty if not even that can be read.
    """

    key: str
    tag: str = ""

    def __str__(self) -> str:
        return f"{self.tag} ({self.key})" if self.tag else self.key


UNKNOWN_TAG = "unknown"
"""The tag of an adopted release without a known tag. Its `sha` is then a digest of its images, not a commit."""


def stays_failed(tag: str, last_good: str | None) -> bool:
    """Whether the live release `tag` failed its rollout and stays because it cannot be rolled back.

    `last_good`: the tag of the release that last succeeded; None if none is known.
    """
    return tag != UNKNOWN_TAG and last_good not in {None, tag}


@dataclass(frozen=True)
class LiveRelease:
    """A release that is or was live, since the rollout `rollout_id` ended at `since`.

    `adopted`: it already ran when the updater started. Its containers are the ones that were found.
    `copies`: how many containers of each routed service it runs; without one that is not known.
    """

    tag: str
    sha: str
    rollout_id: str
    since: datetime
    adopted: bool = False
    copies: Mapping[str, int] = field(default_factory=dict)

    @property
    def order(self) -> Version | None:
        """None for an adopted release without a version: every release counts as newer."""
        return Version.read(self.tag)
