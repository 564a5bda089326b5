"""Finds the files of a checked-out tree that only a program would make complete: a filter of Git.

The updater runs none: a filter is a program of the repository's own choice. https://git-scm.com/docs/gitattributes
"""

from collections.abc import Mapping
from pathlib import Path

from app.domain.errors import GitFailed
from app.files import replace_durably
from workers.adapters.git_repo.trees import Git, done
from workers.adapters.threads import in_file_thread
from workers.definition.files.filter_record import PLACE, record, recorded

PATHS_AT_ONCE = 200
"""Paths in one command."""

_NO_FILTER = frozenset({"unspecified", "unset", "set", ""})
"""`-filter` and `filter` without a name."""

_ATTRIBUTE = ("check-attr", "-z", "filter", "--")
_LISTED = ("ls-files", "-z", "--", ":(exclude,top,attr:!filter)")


async def filters_of(git: Git, tree: Path, place: Path) -> dict[str, str]:
    """The filter of each file of the worktree `place` in `tree` that has one, by path in `tree`. Raises GitFailed."""
    prefix = place.relative_to(tree)
    paths = [path for path in (await done(git, _LISTED, place)).split("\0") if path]
    found: dict[str, str] = {}
    for first in range(0, len(paths), PATHS_AT_ONCE):
        words = (await done(git, [*_ATTRIBUTE, *paths[first : first + PATHS_AT_ONCE]], place)).split("\0")
        for path, name in zip(words[::3], words[2::3], strict=False):
            if name not in _NO_FILTER:
                found[str(prefix / path)] = name
    return found


async def record_filters(tree: Path, filters: Mapping[str, str]) -> None:
    """Writes into the tree's repository what `filters_of` found. Raises GitFailed."""
    await in_file_thread(_write, tree, filters)


async def are_recorded(tree: Path) -> bool:
    """Whether the tree has the record: it may be older than that."""
    return await in_file_thread(recorded, tree) is not None


def _write(tree: Path, filters: Mapping[str, str]) -> None:
    try:
        replace_durably(tree / PLACE, record(filters), staging=(tree / PLACE).parent, mode=0o644)
    except OSError as error:
        raise GitFailed(f"the filters of the release's files could not be recorded ({error.strerror})") from error
