"""Decides which release ran before the updater, from the evidence. Pure functions."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app.domain.tags import UNKNOWN_TAG, DatedTag, TagRule

_ONE_DATE = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Claim:
    """Evidence from `source` that the commit `sha`, to which `tags` point, runs. Without `sha`, only a tag is known.

    `doubt`: why this claim by itself proves nothing, as a clause.
    """

    source: str
    sha: str | None
    tags: tuple[str, ...] = ()
    doubt: str | None = None

    @property
    def said(self) -> str:
        return " ".join([*self.tags, *([self.sha[:12]] if self.sha else [])])


@dataclass(frozen=True)
class Identity:
    """A release. `how` explains, as a clause for people, where that is known from, or why it is unknown."""

    tag: str
    sha: str
    how: str


def identify(claims: Sequence[Claim], images: Sequence[str], rule: TagRule) -> Identity:
    """The release that all `claims` agree on; UNKNOWN_TAG if they disagree.

    A doubtful claim can confirm another claim, but cannot contradict a firm one. A digest of the `images` replaces an
    unknown commit.
    """
    if not claims:
        how = "no clone, old state file or image label identifies the release"
        return Identity(UNKNOWN_TAG, _digest(images), how)
    firm, doubted = [c for c in claims if not c.doubt], [c for c in claims if c.doubt]
    if not firm and not (len(doubted) > 1 and _agree(doubted)):
        return Identity(UNKNOWN_TAG, _digest(images), "; ".join(map(_doubted, doubted)))
    if not _agree(claims) and doubted and _agree(firm):
        found = identify(firm, images, rule)
        return replace(found, how="; ".join([found.how, *map(_doubted, doubted)]))
    if not _agree(claims):
        listed = ", ".join(f"{claim.source} says {claim.said}" for claim in claims)
        return Identity(UNKNOWN_TAG, _digest(images), f"the sources disagree: {listed}")
    sources = " and ".join(claim.source for claim in claims)
    sha = next((claim.sha for claim in claims if claim.sha), None) or _digest(images)
    tag = _newest(set.intersection(*(set(claim.tags) for claim in claims)), rule)
    if tag is None:
        return Identity(UNKNOWN_TAG, sha, f"the commit has no release tag (according to {sources})")
    return Identity(tag, sha, f"according to {sources}")


def _doubted(claim: Claim) -> str:
    return f"{claim.source} says {claim.said}, but {claim.doubt}"


def _agree(claims: Sequence[Claim]) -> bool:
    """Whether all claims name one commit; a claim with only a tag must name one of that commit's tags."""
    commits = {claim.sha for claim in claims if claim.sha}
    only_tags = [claim for claim in claims if claim.sha is None]
    return len(commits) <= 1 and all(set(c.tags) & set(other.tags) for c in only_tags for other in claims)


def _newest(tags: set[str], rule: TagRule) -> str | None:
    """The newest of the tags of one commit, of the stack's own if there are any; None if none has a place."""
    own = {tag for tag in tags if rule.matches(tag)}
    return rule.newest(DatedTag(tag, _ONE_DATE) for tag in sorted(own)) or rule.newest(
        DatedTag(tag, _ONE_DATE) for tag in sorted(tags)
    )


def _digest(images: Sequence[str]) -> str:
    """A stand-in for a commit: as long as a SHA, and equal for equal images."""
    return hashlib.sha256("\n".join(sorted(images)).encode()).hexdigest()[:40]
