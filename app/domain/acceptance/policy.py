"""Decides which release events are wanted: one table, read from top to bottom."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from app.domain.errors import TagInvalid
from app.domain.stack import Channel, Stack
from app.domain.tags import DatedTag

WANTED_ACTIONS = frozenset({"published", "released"})


@dataclass(frozen=True)
class ReleaseEvent:
    """The relevant part of a signed `release` delivery. `repository` is `owner/name` as GitHub writes it.

    `author` is the login of the release's creator. `immutable`: the release can no longer be changed on GitHub. None
    means unknown, which does not satisfy a policy.
    """

    action: str
    repository: str
    repository_id: int
    release_id: int
    tag: str
    draft: bool
    prerelease: bool
    author: str | None = None
    immutable: bool | None = None
    published_at: datetime | None = None

    @property
    def dated(self) -> DatedTag:
        return DatedTag(self.tag, self.published_at)

    @property
    def key(self) -> str:
        return f"{self.repository_id}:{self.release_id}"


def _no_place(event: ReleaseEvent, stack: Stack) -> str | None:
    """Why the release has no place in the stack's order; None if it has one."""
    try:
        stack.tags.position(event.dated)
    except TagInvalid as problem:
        return problem.detail
    return None


def _author_refused(event: ReleaseEvent, stack: Stack) -> bool:
    allowed = stack.policy.allowed_authors
    return bool(allowed) and (event.author or "").lower() not in allowed


Live = DatedTag | None
"""The live release; None if nothing is live or the tag is unknown."""

Reason = str | Callable[[ReleaseEvent, Stack], str]

_TABLE: tuple[tuple[Callable[[ReleaseEvent, Stack, Live], bool], Reason], ...] = (
    (lambda e, s, _: e.repository.lower() != s.repository.lower(), "another repository"),
    (lambda e, *_: e.action not in WANTED_ACTIONS, "the action is not published or released"),
    (lambda e, *_: e.draft, "the release is a draft"),
    (
        lambda e, s, _: e.prerelease and s.channel is not Channel.PRERELEASE,
        "a prerelease, and the channel is stable",
    ),
    (lambda e, s, _: not s.tags.matches(e.tag), lambda e, s: s.tags.unmatched(e.tag)),
    (lambda e, s, _: _no_place(e, s) is not None, lambda e, s: str(_no_place(e, s))),
    (
        lambda e, s, _: s.tags.names_a_prerelease(e.tag) and s.channel is not Channel.PRERELEASE,
        "the tag names a prerelease (a hyphen after the numbers), and the channel is stable",
    ),
    (lambda e, s, _: _author_refused(e, s), "the release's author is not in the stack file's allowed_authors"),
    (
        lambda e, s, _: s.policy.require_immutable and not e.immutable,
        "the release is not immutable, which the stack file requires",
    ),
    (lambda e, s, live: s.tags.not_newer(e.dated, live), "not newer than the live release"),
)


def reason_to_ignore(event: ReleaseEvent, stack: Stack, live: Live = None) -> str | None:
    """Why `event` is ignored for `stack`; None if it is wanted."""
    reason = next((reason for applies, reason in _TABLE if applies(event, stack, live)), None)
    return reason(event, stack) if callable(reason) else reason
