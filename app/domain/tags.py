"""Tags: which names are accepted, and the order of a stack's releases. Nothing else compares two releases."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property, total_ordering
from typing import Any

from app.domain.errors import TagInvalid

MAX_TAG_LENGTH = 100
UNKNOWN_TAG = "unknown"
"""The tag of an adopted release without a known tag. Its `sha` is then a digest of its images, not a commit."""

_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"  # a number has no leading zero
_SEMANTIC = re.compile(
    rf"v?(?P<core>{_NUMBER}\.{_NUMBER}\.{_NUMBER})"
    rf"(?:-(?P<pre>{_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9A-Za-z.-]+)?"
)
_NUMBERS = re.compile(r"v?(?P<numbers>[0-9]+(?:\.[0-9]+)*)")

# A part of what Git allows, so that a tag is safe in a command that a person copies from a message.
# https://git-scm.com/docs/git-check-ref-format
_NAME = re.compile(r"[A-Za-z0-9@_][A-Za-z0-9@_.+/-]*")
_NOT_IN_GIT = re.compile(r"\.\.|//|/\.|\.lock(?:/|$)|[./]$|^@$")

_WILDCARD = re.compile(r"[*?[]")
_BEGUN = re.compile(r"v?(?:[0-9]+(?:\.[0-9]+)*\.?|[0-9]+\.[0-9]+\.[0-9]+[-+][0-9A-Za-z.+-]*)?\Z")
"""The part of a version at the end of a text: `v` in `web-v`, `v1.` in `v1.`."""

_FIRST_NUMBER = re.compile(r"(?<![0-9A-Za-z.])v?(?=[0-9])")


def check_name(tag: str) -> None:
    """Raises TagInvalid unless `tag` is a name that Git and the updater accept."""
    if len(tag) > MAX_TAG_LENGTH:
        raise TagInvalid(f"{tag[:MAX_TAG_LENGTH]!r}… has more than {MAX_TAG_LENGTH} characters")
    if not _NAME.fullmatch(tag) or _NOT_IN_GIT.search(tag):
        raise TagInvalid(f"{tag!r} should have only letters, digits and `. _ + - @ /`, in a form that Git allows")
    if tag == UNKNOWN_TAG:
        raise TagInvalid(f"{tag!r} is the updater's word for a release without a known tag")


def is_name(tag: str) -> bool:
    """Whether `tag` is a name that Git and the updater accept."""
    try:
        check_name(tag)
    except TagInvalid:
        return False
    return True


class TagOrder(StrEnum):
    """By what a stack's releases are ordered."""

    VERSION = "version"
    """Semantic versions: https://semver.org/#spec-item-11."""
    NUMBERS = "numbers"
    """Dotted numbers of any length. Leading zeros and a missing `.0` at the end do not count."""
    PUBLISHED = "published"
    """GitHub's date of publication."""


@dataclass(frozen=True, order=True)
class Position:
    """The place of a release in its stack's order: a greater one is newer. Only positions of one rule compare."""

    key: tuple[Any, ...]


@dataclass(frozen=True)
class DatedTag:
    """The tag of a release, and when GitHub published it; None if that is not known."""

    tag: str
    published_at: datetime | None = None


@total_ordering
@dataclass(frozen=True)
class Version:
    """A semantic version, ordered by https://semver.org/#spec-item-11."""

    core: tuple[int, ...]
    pre: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str) -> "Version | None":
        """The version that `text` is, with or without a leading `v`; None if it is none."""
        match = _SEMANTIC.fullmatch(text) if len(text) <= MAX_TAG_LENGTH else None
        if match is None:
            return None
        pre = match["pre"].split(".") if match["pre"] else []
        return cls(tuple(int(part) for part in match["core"].split(".")), tuple(pre))

    @cached_property
    def precedence(self) -> tuple[Any, ...]:
        parts = tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in self.pre)
        return (self.core, not self.pre, parts)

    def __lt__(self, other: "Version") -> bool:
        return self.precedence < other.precedence


@dataclass(frozen=True)
class TagRule:
    """The stack file's `tags`: a shell pattern, and by what the releases are ordered."""

    pattern: str = "v*"
    order: TagOrder = TagOrder.VERSION

    @cached_property
    def prefix(self) -> str:
        """The literal beginning of the pattern, without the part of a version at its end: `web-` of `web-v*`."""
        literal = _WILDCARD.split(self.pattern, maxsplit=1)[0]
        begun = _BEGUN.search(literal)
        return literal[: begun.start()] if begun else literal

    @property
    def written(self) -> str:
        """The rule as the value of `tags` in the stack file."""
        return (
            f'"{self.pattern}"'
            if self.order is TagOrder.VERSION
            else f'{{pattern: "{self.pattern}", order: {self.order}}}'
        )

    def matches(self, tag: str) -> bool:
        return fnmatchcase(tag, self.pattern)

    def check(self, tag: str) -> None:
        """Raises TagInvalid if `tag` has no place in the order, whenever it was published."""
        self._place(tag)

    def position(self, release: DatedTag) -> Position:
        """The release's place in the order. Raises TagInvalid if it has none."""
        key = self._place(release.tag)
        if self.order is not TagOrder.PUBLISHED:
            return Position(key)
        if release.published_at is None:
            raise TagInvalid(
                f"GitHub's date of publication of {release.tag} is not known, by which `tags/order: published` of the "
                "stack file orders releases"
            )
        return Position((release.published_at.astimezone(UTC), *key))

    def refusal(self, release: DatedTag) -> str | None:
        """Why the release has no place in the order; None if it has one."""
        try:
            self.position(release)
        except TagInvalid as problem:
            return problem.detail
        return None

    def read(self, release: DatedTag) -> Position | None:
        """The release's place in the order; None if it has none. The tag of an adopted release may have none."""
        try:
            return self.position(release)
        except TagInvalid:
            return None

    def newest(self, releases: Iterable[DatedTag]) -> str | None:
        """The tag of the newest of `releases`; None if none has a place in the order."""
        known = {release.tag: place for release in releases if (place := self.read(release))}
        return max(known, key=lambda tag: known[tag], default=None)

    def not_newer(self, new: DatedTag, live: DatedTag | None) -> bool:
        """Whether `live` is the same release or newer; False if `live` has no place. Raises TagInvalid."""
        if live is None:
            return False
        if new.tag == live.tag:
            return True
        known = self.read(live)
        return known is not None and not self.position(new) > known

    def is_older(self, release: DatedTag, live: DatedTag | None) -> bool:
        """Whether `live` is newer; False if one of them has no place."""
        own, other = self.read(release), self.read(live) if live else None
        return own is not None and other is not None and own < other

    def names_a_prerelease(self, tag: str) -> bool:
        """By https://semver.org/#spec-item-9. In another order, only GitHub's flag says it."""
        version = Version.read(self._rest(tag)) if self.order is TagOrder.VERSION else None
        return version is not None and bool(version.pre)

    def version_in(self, tag: str) -> str:
        """`tag` without the prefix and without a leading `v`."""
        return self._rest(tag).removeprefix("v")

    def unmatched(self, tag: str) -> str:
        """Why `tag` is not a release of this stack, and what to write if it is."""
        return f"the tag does not match `tags` of the stack file ({self.pattern}). {self._remedy(tag)}"

    def _unordered(self, tag: str) -> str:
        if not tag.startswith(self.prefix):
            return f"{tag} does not begin with {self.prefix}, as `tags` of the stack file asks. {self._remedy(tag)}"
        example = {TagOrder.VERSION: "a semantic version such as {}v1.2.3"}
        kind = example.get(self.order, "dotted numbers such as {}2024.01.05").format(self.prefix)
        return f"{tag} is not {kind}, so it has no place in the order `{self.order}`. {self._remedy(tag)}"

    def _remedy(self, tag: str) -> str:
        if not is_name(tag):
            return "The updater accepts only letters, digits and `. _ + - @ /` in a tag"
        return f"If it is a release of this stack, write `tags: {self.suited_to(tag).written}` in the stack file"

    def suited_to(self, tag: str) -> "TagRule":
        """A rule that accepts `tag`: with this one's pattern if it matches, in the strictest order."""
        number = _FIRST_NUMBER.search(tag)
        pattern = self.pattern if self.matches(tag) else f"{tag[: number.end()] if number else ''}*"
        rules = (TagRule(pattern, order) for order in TagOrder)
        return next(rule for rule in rules if rule.order is TagOrder.PUBLISHED or rule._key(tag) is not None)

    def _rest(self, tag: str) -> str:
        return tag.removeprefix(self.prefix)

    def _place(self, tag: str) -> tuple[Any, ...]:
        """The place of `tag` among those of the same date. Raises TagInvalid if it has none."""
        check_name(tag)
        if (key := self._key(tag)) is None:
            raise TagInvalid(self._unordered(tag))
        return key

    def _key(self, tag: str) -> tuple[Any, ...] | None:
        """The place of `tag` among those of the same date; None if it has none."""
        if self.order is TagOrder.PUBLISHED:
            return (_natural(tag), tag)
        if not tag.startswith(self.prefix):
            return None
        rest = self._rest(tag)
        if self.order is TagOrder.VERSION:
            version = Version.read(rest)
            return version.precedence if version else None
        numbers = _NUMBERS.fullmatch(rest)
        return _significant(numbers["numbers"]) if numbers else None


def _significant(dotted: str) -> tuple[int, ...]:
    """The numbers, without zeros at the end."""
    numbers = [int(part) for part in dotted.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _natural(tag: str) -> tuple[tuple[int, int, str], ...]:
    """Orders two tags of one second: numbers in them by their value."""
    parts = re.split(r"([0-9]+)", tag)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)
