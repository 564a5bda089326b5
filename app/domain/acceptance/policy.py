"""Decides which release events are wanted: one table, read from top to bottom."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.stack import REPOSITORY, Channel, Stack
from app.domain.tags import DatedTag


class Cause(StrEnum):
    """Why a release is ignored, as a stable word."""

    REPOSITORY = "repository"
    ACTION = "action"
    DRAFT = "draft"
    PRERELEASE = "prerelease"
    TAG = "tag"
    AUTHOR = "author"
    NOT_IMMUTABLE = "not_immutable"
    NOT_NEWER = "not_newer"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Refusal:
    """Why a release is ignored. `text` is for people."""

    cause: Cause
    text: str


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


def _author_refused(event: ReleaseEvent, stack: Stack) -> bool:
    allowed = stack.policy.allowed_authors
    return bool(allowed) and (event.author or "").lower() not in allowed


Live = DatedTag | None
"""The live release; None if nothing is live or the tag is unknown."""

Reason = str | Callable[[ReleaseEvent, Stack], str]


def _is_another(event: ReleaseEvent, stack: Stack) -> bool:
    if stack.repository_id is not None:
        return event.repository_id != stack.repository_id
    return event.repository.lower() != stack.repository.lower()


def _another(event: ReleaseEvent, stack: Stack) -> str:
    if stack.repository_id is not None and event.repository.lower() == stack.repository.lower():
        return (
            f"another repository under the same name: its id is {event.repository_id}, and the stack's is "
            f"{stack.repository_id}. If you recreated it, write `repository_id: {event.repository_id}` in the stack "
            "file"
        )
    name = event.repository if REPOSITORY.fullmatch(event.repository) else "another one"
    return f"another repository: {name}, and `repository` in the stack file is {stack.repository}"


_TABLE: tuple[tuple[Callable[[ReleaseEvent, Stack, Live], bool], Cause, Reason], ...] = (
    (lambda e, s, _: _is_another(e, s), Cause.REPOSITORY, _another),
    (lambda e, *_: e.action not in WANTED_ACTIONS, Cause.ACTION, "the action is not published or released"),
    (lambda e, *_: e.draft, Cause.DRAFT, "the release is a draft"),
    (
        lambda e, s, _: e.prerelease and s.channel is not Channel.PRERELEASE,
        Cause.PRERELEASE,
        "a prerelease, and the channel is stable",
    ),
    (lambda e, s, _: not s.tags.matches(e.tag), Cause.TAG, lambda e, s: s.tags.unmatched(e.tag)),
    (lambda e, s, _: s.tags.read(e.dated) is None, Cause.TAG, lambda e, s: str(s.tags.refusal(e.dated))),
    (
        lambda e, s, _: s.tags.names_a_prerelease(e.tag) and s.channel is not Channel.PRERELEASE,
        Cause.PRERELEASE,
        "the tag names a prerelease (a hyphen after the numbers), and the channel is stable",
    ),
    (
        lambda e, s, _: _author_refused(e, s),
        Cause.AUTHOR,
        "the release's author is not in the stack file's allowed_authors",
    ),
    (
        lambda e, s, _: s.policy.require_immutable and not e.immutable,
        Cause.NOT_IMMUTABLE,
        "the release is not immutable, which the stack file requires",
    ),
    (lambda e, s, live: s.tags.not_newer(e.dated, live), Cause.NOT_NEWER, "not newer than the live release"),
)


def refusal_of(event: ReleaseEvent, stack: Stack, live: Live = None) -> Refusal | None:
    """Why `event` is ignored for `stack`; None if it is wanted."""
    for applies, cause, reason in _TABLE:
        if applies(event, stack, live):
            return Refusal(cause, reason(event, stack) if callable(reason) else reason)
    return None


def reason_to_ignore(event: ReleaseEvent, stack: Stack, live: Live = None) -> str | None:
    """The reason for people; None if `event` is wanted."""
    refusal = refusal_of(event, stack, live)
    return refusal.text if refusal else None
