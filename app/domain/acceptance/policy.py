"""Decides which release events are wanted: one table, read from top to bottom."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from app.domain.errors import TagInvalid
from app.domain.release import Version
from app.domain.stack import Channel, Stack

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

    @property
    def key(self) -> str:
        return f"{self.repository_id}:{self.release_id}"


def not_newer(tag: str, live: str | None) -> bool:
    """Whether the live release is `tag` or newer; False if the live release has no version."""
    known = Version.read(live)
    return known is not None and not Version.of(tag) > known


def _tag_refused(event: ReleaseEvent) -> bool:
    try:
        Version.of(event.tag)
    except TagInvalid:
        return True
    return False


def _author_refused(event: ReleaseEvent, stack: Stack) -> bool:
    allowed = stack.policy.allowed_authors
    return bool(allowed) and (event.author or "").lower() not in allowed


def _names_a_prerelease(event: ReleaseEvent) -> bool:
    """By https://semver.org/#spec-item-9, whatever the release's flag on GitHub says: publishers forget it."""
    version = Version.read(event.tag)
    return version is not None and bool(version.pre)


Live = str | None
"""The live release's tag; None if nothing is live or the tag is unknown."""

_TABLE: tuple[tuple[Callable[[ReleaseEvent, Stack, Live], bool], str], ...] = (
    (lambda e, s, _: e.repository.lower() != s.repository.lower(), "another repository"),
    (lambda e, *_: e.action not in WANTED_ACTIONS, "the action is not published or released"),
    (lambda e, *_: e.draft, "the release is a draft"),
    (
        lambda e, s, _: e.prerelease and s.channel is not Channel.PRERELEASE,
        "a prerelease, and the channel is stable",
    ),
    (lambda e, *_: _tag_refused(e), "the tag does not have the form v1.2.3"),
    (
        lambda e, s, _: _names_a_prerelease(e) and s.channel is not Channel.PRERELEASE,
        "the tag names a prerelease (a hyphen after the numbers), and the channel is stable",
    ),
    (lambda e, s, _: not fnmatchcase(e.tag, s.tags), "the tag does not match the stack file's pattern"),
    (lambda e, s, _: _author_refused(e, s), "the release's author is not in the stack file's allowed_authors"),
    (
        lambda e, s, _: s.policy.require_immutable and not e.immutable,
        "the release is not immutable, which the stack file requires",
    ),
    (lambda e, _, live: not_newer(e.tag, live), "not newer than the live release"),
)


def reason_to_ignore(event: ReleaseEvent, stack: Stack, live: Live = None) -> str | None:
    """Why `event` is ignored for `stack`; None if it is wanted."""
    return next((reason for applies, reason in _TABLE if applies(event, stack, live)), None)
