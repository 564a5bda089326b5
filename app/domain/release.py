"""A release: accepted, unreadable or live."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.domain.required_checks import JudgedChecks, Standing
from app.domain.tags import UNKNOWN_TAG, DatedTag, Position, TagRule

FORGOTTEN = "forgotten"
"""The rollout id of a duplicate release whose own record is no longer kept."""


WITHDRAWN = "withdrawn"
"""The rollout id of a release that is not accepted, because it was withdrawn on GitHub before."""

MANUAL_KEY = "manual:"
"""Prefix of the key of a release that an operator asked for by its tag, whether GitHub has a release of it or not."""


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


class Keyed:
    """What has the key of a release."""

    key: str

    @property
    def repository_id(self) -> int | None:
        """The id in the key; None if an operator asked for it."""
        first = self.key.partition(":")[0]
        return int(first) if first.isascii() and first.isdigit() else None

    @property
    def release_id(self) -> int | None:
        """GitHub's id in the key; None if the key has none."""
        last = self.key.rpartition(":")[2]
        return int(last) if last.isascii() and last.isdigit() else None


@dataclass(frozen=True)
class Release(Keyed):
    """An accepted release: recorded, but not yet decided.

    `key` identifies it: `<repository id>:<release id>` from signed content, or `manual:<rollout id>`. `rollout_id` is
    the id that its rollout will have. `attempts` counts the rollouts that ended because the worker was interrupted.
    `recall` is the commit SHA of a kept release to restore without a build; with `current_env`, it starts with today's
    values of the operator's files. `approved`: an operator approved it.
    `by`: the caller that asked for it, as text for people; None if no caller did. `retry_at`: its rollout failed, and
    the pause that this began ends if another one succeeds, which begins then; None: no pause ends with it.
    `published_at`: GitHub's date; None if an operator asked for it, or an earlier version of the updater recorded it.
    `commit`: the commit SHA that its tag pointed to when it began to wait: an approval is for that commit. None if it
    did not wait, or if that is not known yet. If an operator asked for the release: the commit that it has to be, if
    the operator said so. `moved_from`: the commit before, if the tag moved while it waited.
    `checks`: those of its commit, as last seen; None if GitHub was not asked yet, or does not have to be.
    `repository`: the repository's name when it was accepted; None as for `published_at`.
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
    published_at: datetime | None = None
    commit: str | None = None
    moved_from: str | None = None

    @property
    def from_github(self) -> bool:
        """Whether GitHub announced it, and its rollout has not begun yet."""
        return self.trigger in {Trigger.WEBHOOK, Trigger.RECONCILE} and not self.key.startswith(MANUAL_KEY)

    checks: JudgedChecks | None = None
    repository: str | None = None

    @property
    def asked_for(self) -> bool:
        """Whether an operator asked for it, or its rollout has begun. Only a pause holds such a release."""
        return self.trigger in _ASKED_FOR

    @property
    def chosen_commit(self) -> str | None:
        """The only commit that it may go live with: an operator approved it, or asked for it. None: the tag's."""
        return self.commit if self.approved or self.key.startswith(MANUAL_KEY) else None

    @property
    def dated(self) -> DatedTag:
        """Without GitHub's date: as if it was published when it was accepted."""
        return DatedTag(self.tag, self.published_at or self.accepted_at)

    @property
    def has_green_checks(self) -> bool:
        """Whether the checks of its commit are green, and not only those of a commit that its tag pointed to."""
        return self.checks is not None and self.checks.standing is Standing.GREEN and self.may_be_at(self.checks.sha)

    @property
    def has_unknown_checks(self) -> bool:
        """Whether GitHub was not asked about its checks, or only about green ones of another commit."""
        return self.checks is None or (self.checks.standing is Standing.GREEN and not self.has_green_checks)

    def may_be_at(self, sha: str | None) -> bool:
        """Whether its tag points to the commit `sha`, as far as is known."""
        return self.commit in {None, sha}

    def position(self, rule: TagRule) -> Position | None:
        """Its place in the stack's order; None if the stack file was changed so that it has none."""
        return rule.read(self.dated)

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


def stays_failed(tag: str, last_good: str | None) -> bool:
    """Whether the live release `tag` failed its rollout and stays because it cannot be rolled back.

    `last_good`: the tag of the release that last succeeded; None if none is known.
    """
    return tag != UNKNOWN_TAG and last_good not in {None, tag}


@dataclass(frozen=True)
class LiveRelease(Keyed):
    """A release that is or was live, since the rollout `rollout_id` ended at `since`.

    `adopted`: it already ran when the updater started. Its containers are the ones that were found.
    `copies`: how many containers of each routed service it runs; without one that is not known.
    `published_at`: GitHub's date, or when it was accepted; None if neither is known. `key`: the accepted release's;
    empty if that is not known.
    """

    tag: str
    sha: str
    rollout_id: str
    since: datetime
    adopted: bool = False
    copies: Mapping[str, int] = field(default_factory=dict)
    published_at: datetime | None = None
    key: str = ""

    @property
    def dated(self) -> DatedTag:
        return DatedTag(self.tag, self.published_at)

    def position(self, rule: TagRule) -> Position | None:
        """None for a release without a place in the stack's order: every release counts as newer."""
        return rule.read(self.dated)
