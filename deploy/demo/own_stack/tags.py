"""Chooses the two releases that are played, from the tags of the user's repository: pure functions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from app.domain.acceptance.policy import ReleaseEvent, reason_to_ignore
from app.domain.stack import Policy, Stack
from app.domain.tags import DatedTag, Position
from deploy.demo.own_stack.refusal import NotPlayable

_ONE_DATE = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_NUMBER = re.compile(r"(\d+)(?=\D*$)")


@dataclass(frozen=True)
class Tags:
    """`before` goes live first, then `after`. `made`: `after` is not in the repository; the demo makes it."""

    before: str
    after: str
    made: bool = False


def chosen(tags: Iterable[str], stack: Stack, asked: str | None) -> Tags:
    """`asked`, or the newest tag that the stack file wants, after the next older one.

    With one such tag only, the same files are played again under the next number. Raises NotPlayable.
    """
    every = list(tags)
    wanted = sorted((tag for tag in every if ignored(tag, stack) is None), key=partial(_position, stack))
    if asked is not None:
        _check(asked, every, stack)
        at = _position(stack, asked)
        wanted = [tag for tag in wanted if _position(stack, tag) <= at and tag != asked] + [asked]
    if not wanted:
        have = f"It has {', '.join(every[:5])}{' …' if len(every) > 5 else ''}" if every else "It has no tag"
        raise NotPlayable(
            f"The repository has no tag that the stack file wants (`tags: {stack.tags.written}`, channel "
            f"{stack.channel}). {have}. Tag a commit, for example `git tag v1.0.0`, and run this again."
        )
    newest = _position(stack, wanted[-1])
    older = [tag for tag in wanted[:-1] if _position(stack, tag) < newest]
    if older:
        return Tags(older[-1], wanted[-1])
    return Tags(wanted[-1], _next(wanted[-1], stack), made=True)


def ignored(tag: str, stack: Stack) -> str | None:
    """Why the updater would ignore a release of `tag`, by its tag alone; None if it is wanted."""
    event = ReleaseEvent(
        "published", stack.repository, 1, 1, tag, draft=False, prerelease=False, published_at=_ONE_DATE
    )
    return reason_to_ignore(event, replace(stack, policy=Policy()))


def _position(stack: Stack, tag: str) -> Position:
    """Without GitHub, as if all were published at once: numbers in them decide."""
    return stack.tags.position(DatedTag(tag, _ONE_DATE))


def _check(asked: str, every: list[str], stack: Stack) -> None:
    if asked not in every:
        raise NotPlayable(f"The repository has no tag {asked}. Create it (`git tag {asked}`), and run this again.")
    if reason := ignored(asked, stack):
        raise NotPlayable(f"The updater would ignore a release of {asked}: {reason}. Choose another with --tag.")


def _next(tag: str, stack: Stack) -> str:
    """A newer tag that the stack file wants too. Raises NotPlayable."""
    core, plus, rest = tag.partition("+")
    new = _LAST_NUMBER.sub(lambda match: str(int(match[1]) + 1), core) + plus + rest
    if ignored(new, stack) or not _position(stack, new) > _position(stack, tag):
        raise NotPlayable(
            f"{tag} is the only release that can be played, and two are needed. Tag an older or a newer commit as the "
            f"stack file wants it (`tags: {stack.tags.written}`), and run this again."
        )
    return new
