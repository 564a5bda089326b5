"""Which release ran before the updater? Pure: weighs claims and names contradictions."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.release import UNKNOWN_TAG, Version


@dataclass(frozen=True)
class Claim:
    """`source` says that the commit `sha`, to which `tags` point, is what runs; None if only the tag is known.

    `doubt`: why that alone is no proof.
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
    """`how` is a clause for a person: where the release is known from, or why it is not."""

    tag: str
    sha: str
    how: str


def identify(claims: Sequence[Claim], images: Sequence[str]) -> Identity:
    """The release that all `claims` agree on; an unknown one if they do not.

    A commit that nobody knows is replaced by a digest of the `images`.
    """
    if not claims:
        how = "no clone, old state file or image label says which release it is"
        return Identity(UNKNOWN_TAG, _digest(images), how)
    if len(claims) == 1 and claims[0].doubt:
        return Identity(
            UNKNOWN_TAG, _digest(images), f"{claims[0].source} says {claims[0].said}, but {claims[0].doubt}"
        )
    if not _agree(claims):
        said = ", ".join(f"{claim.source} says {claim.said}" for claim in claims)
        return Identity(UNKNOWN_TAG, _digest(images), f"its sources contradict each other: {said}")
    sources = " and ".join(claim.source for claim in claims)
    sha = next((claim.sha for claim in claims if claim.sha), None) or _digest(images)
    tag = _newest_version(set.intersection(*(set(claim.tags) for claim in claims)))
    if tag is None:
        return Identity(UNKNOWN_TAG, sha, f"{sources} names a commit without a release tag")
    return Identity(tag, sha, f"as {sources} says")


def _agree(claims: Sequence[Claim]) -> bool:
    """All name one commit, and a claim that knows only a tag names one of that commit's."""
    commits = {claim.sha for claim in claims if claim.sha}
    only_tags = [claim for claim in claims if claim.sha is None]
    return len(commits) <= 1 and all(set(c.tags) & set(other.tags) for c in only_tags for other in claims)


def _newest_version(tags: set[str]) -> str | None:
    """Of several tags at one commit the one with the highest version; None if none is a version."""
    versions = {tag: version for tag in tags if (version := Version.read(tag))}
    return max(versions, key=lambda tag: versions[tag], default=None)


def _digest(images: Sequence[str]) -> str:
    """As long as a commit's SHA, and the same for the same images."""
    return hashlib.sha256("\n".join(sorted(images)).encode()).hexdigest()[:40]
