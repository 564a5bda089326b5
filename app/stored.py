"""Reads what another version of the updater may have stored. What cannot be read is left out, and stops nothing."""

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import ValidationError

from app.domain.acceptance.ignored import IgnoredRelease
from app.domain.history import HistoryEntry
from app.domain.release import Release
from app.domain.tags import is_name
from app.domain.withdrawal import Withdrawal
from app.lazy_adapter import LazyAdapter

RELEASE = LazyAdapter(Release)
ENTRY = LazyAdapter(HistoryEntry)
IGNORED = LazyAdapter(IgnoredRelease)
WITHDRAWAL = LazyAdapter(Withdrawal)
T = TypeVar("T")


def read(kind: LazyAdapter[T], content: bytes | str) -> T | None:
    """The stored value; None if it cannot be read."""
    try:
        return kind.built.validate_json(content)
    except ValidationError:
        return None


def read_release(content: bytes | str) -> Release | None:
    """The release; None if it cannot be read, if its tag is no accepted name, or if a time has no zone."""
    release = read(RELEASE, content)
    if release is None or not is_name(release.tag):
        return None
    dated = release.accepted_at.tzinfo and (release.published_at is None or release.published_at.tzinfo)
    return release if dated else None


def read_entry(content: bytes | str) -> HistoryEntry | None:
    """The history entry; None if it cannot be read, or has no time with a zone."""
    entry = read(ENTRY, content)
    try:
        return entry if entry and entry.at.tzinfo else None
    except ValueError:
        return None


def read_each(kind: LazyAdapter[T], values: Any) -> list[T]:
    """The readable ones of the decoded JSON array `values`; none if it is something else."""
    found = [_validated(kind, value) for value in values] if isinstance(values, Iterable) else []
    return [value for value in found if value is not None]


def _validated(kind: LazyAdapter[T], value: Any) -> T | None:
    try:
        return kind.built.validate_python(value)
    except ValidationError:
        return None
