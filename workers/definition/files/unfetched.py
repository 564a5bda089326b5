"""What a worktree names, but does not have: submodules, Git LFS files, and what a program beside Git would make.

An image with them would be incomplete.
"""

import os
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from workers.definition.files import filter_record
from workers.definition.files.contents import some
from workers.definition.files.roots import below
from workers.definition.files.submodule_record import recorded

POINTER = b"version https://git-lfs.github.com/spec/"
POINTER_BYTES = 1024
"""Git LFS writes smaller pointers only: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md"""

ENCRYPTED = b"\0GITCRYPT\0"
"""https://github.com/AGWA/git-crypt/blob/master/commands.cpp"""

ANNEX_POINTER = b"/annex/objects/"
ANNEX_LINK = ".git/annex/objects/"
"""https://git-annex.branchable.com/internals/pointer_file/"""

SUBMODULE, LFS_POINTER = "a submodule", "a pointer to a Git LFS file"
GIT_CRYPT, ANNEX = "a file that git-crypt encrypted", "a pointer to a file of git-annex"
FILTERED = "a file for the Git filter "
_SUBMODULE = re.compile(r"^\s*path\s*=\s*(?P<path>.+?)\s*$", re.MULTILINE)
_LAST = (
    "Commit its content to this repository; or, if neither a build nor a container uses it, list it in files/unfetched "
    "in the stack file"
)
_REMEDIES = {
    SUBMODULE: (
        "The updater fetches it only with `files: {submodules: true}`, and only if its address in `.gitmodules` has "
        f"the repository's own host. {_LAST}"
    ),
    LFS_POINTER: (
        f"The updater fetches it only with `files: {{lfs: true}}`, and if .gitattributes gives it filter=lfs. {_LAST}"
    ),
}
_LIVE = (
    "For a mount or an env file, put the file into the live directory and list it in files/live in the stack file. For "
    "a build, commit the file that it needs, or hand it over in build/secrets. If neither a build nor a container uses "
    "it, list it in files/unfetched"
)
READ_BY_COMPOSE = (
    "Compose reads it while it reads the release's files, so it must be complete in Git. Commit its content; or, for "
    "the env file of an `include`, remove it from there, put it into the live directory, and add it to env_files in "
    "the stack file"
)
"""What to do about a file of which the live directory's cannot be used instead."""

_BY_CONTENT = re.compile(r"lfs|annex|git-crypt(?:-.+)?")
"""Filters whose files show by their content whether one is missing."""

_ONLY_COMMITS = frozenset({"nbstripout"})
"""Filters that change only what is committed: https://github.com/kynan/nbstripout"""


class Part(NamedTuple):
    """Something that a release names and its tree does not have. `kind`: what it is, in words."""

    kind: str
    path: str


def unfetched(tree: Path, path: str, permitted: Collection[str] = ()) -> list[Part]:
    """What is missing of the release in `tree` at or below `path`. `permitted`: paths that may be missing."""
    found = [*_submodules(tree, path), *_pointers(tree, path), *_filtered(tree, path)]
    return [part for part in found if not below(part.path, permitted)]


def in_words(missing: Mapping[Part, Collection[str]], instead: str = _LIVE) -> list[str]:
    """A text for each kind, with what to do. `missing`: the services that use each part.

    `instead`: what to do about a file that only a program of Git's would complete.
    """
    texts = []
    for kind in sorted({part.kind for part in missing}):
        of_kind = {part.path: users for part, users in missing.items() if part.kind == kind}
        users = dict.fromkeys(user for users in of_kind.values() for user in users)
        verb = "is" if len(of_kind) == 1 else "are each"
        texts.append(f"{some(of_kind)} {verb} {kind}, used by {', '.join(users)}. {_remedy(kind, instead)}")
    return texts


def _submodules(tree: Path, path: str) -> Iterator[Part]:
    record = recorded(tree)
    for at in _empty(tree) if record is None else record.unfetched:
        if below(at, [path]) or below(path, [at]):
            yield Part(SUBMODULE, at)


def _empty(tree: Path) -> Iterator[str]:
    """The submodules at the top of a tree without a record, as far as `.gitmodules` names them."""
    try:
        text = (tree / ".gitmodules").read_text("utf-8", "replace")
    except OSError:
        return
    for found in _SUBMODULE.finditer(text):
        at = posixpath.normpath(found["path"].strip('"'))
        if (tree / at).is_dir() and not any((tree / at).iterdir()):
            yield at


def _remedy(kind: str, instead: str) -> str:
    remedy = _REMEDIES.get(kind, f"The updater runs no program on a release's files. {instead}")
    complete = ". If its content in Git is right as it is, list it in files/unfetched"
    return remedy + complete if kind.startswith(FILTERED) else remedy


def _filtered(tree: Path, path: str) -> Iterator[Part]:
    for at, name in (filter_record.recorded(tree) or {}).items():
        if below(at, [path]) and not _BY_CONTENT.fullmatch(name) and name not in _ONLY_COMMITS:
            yield Part(f"{FILTERED}{name}", at)


def _pointers(tree: Path, path: str) -> Iterator[Part]:
    """A link is not followed: what it leads to is found at its own place, if it is in `path`."""
    top = tree / path
    if top.is_file():
        files: Iterator[Path] = iter([top])
    else:
        files = (Path(at) / name for at, _, names in os.walk(top) for name in sorted(names))
    for file in files:
        if kind := _kind(file):
            yield Part(kind, str(file.relative_to(tree)))


def _kind(file: Path) -> str | None:
    """What `file` stands for, if its content is elsewhere."""
    try:
        if file.is_symlink():
            return ANNEX if ANNEX_LINK in os.fspath(file.readlink()) else None
        with file.open("rb") as opened:
            beginning = opened.read(len(POINTER))
        if beginning.startswith(ENCRYPTED):
            return GIT_CRYPT
        pointer = LFS_POINTER if beginning == POINTER else ANNEX if beginning.startswith(ANNEX_POINTER) else None
        return pointer if pointer and file.stat().st_size < POINTER_BYTES else None
    except OSError:
        return None
