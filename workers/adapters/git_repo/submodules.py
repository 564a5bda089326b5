"""Fetches the submodules of a checked-out tree that are on the same host, without git's own submodule commands.

Those would run what the repository's `.gitmodules` configures, and would send no credential.
https://git-scm.com/docs/gitmodules
"""

import posixpath
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.errors import GitFailed
from workers.adapters.git_repo.filled_submodules import is_as_recorded, write_record
from workers.adapters.git_repo.remote_address import parsed
from workers.adapters.git_repo.trees import Git, add_command, done
from workers.adapters.threads import in_file_thread
from workers.adapters.transient_failures import transient_line

CheckedOut = Callable[[Path, str], Awaitable[None]]
"""Gets the directory of a checked-out repository, while git still knows it as a worktree, and its address."""

DEEPEST = 8
"""How many submodules may be inside each other."""

_LINK = re.compile(r"160000 commit (?P<sha>[0-9a-f]{40,64})\t(?P<path>.+)")
_SETTING = re.compile(r"submodule\.(?P<name>.+)\.(?P<key>path|url)\n(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True)
class Submodule:
    """The commit `sha` of the repository at `url`, at `path` of the tree."""

    path: str
    sha: str
    url: str


def links_in(listing: str) -> dict[str, str]:
    """The commits of a tree's submodules, by path, from `ls-tree -r -z`."""
    return {found["path"]: found["sha"] for found in map(_LINK.fullmatch, listing.split("\0")) if found}


def urls_in(settings: str) -> dict[str, str]:
    """The URLs in a `.gitmodules`, by path, from `config --null --get-regexp`."""
    values: dict[str, dict[str, str]] = {}
    for found in (_SETTING.fullmatch(entry) for entry in settings.split("\0")):
        if found:
            values.setdefault(found["name"], {})[found["key"]] = found["value"]
    pairs = ((each.get("path"), each.get("url")) for each in values.values())
    return {posixpath.normpath(path): url for path, url in pairs if path and url}


def address_of(url: str, base: str) -> str | None:
    """The address of a submodule's `url`, as `base`, the repository's own, is reached; None if it has another host.

    A relative URL is relative to the repository's. With https or SSH, the other of the two becomes the same. An
    invalid URL has no host.
    """
    here = parsed(base)
    if url.startswith(("./", "../")):
        return f"{here.prefix}{posixpath.normpath(posixpath.join(here.path, url))}"
    try:
        there = parsed(url)
    except ValueError:
        return None
    remote = {"https", "ssh"}
    same = {here.kind, there.kind} <= remote or here.kind == there.kind == ""
    return f"{here.prefix}{there.path}" if same and here.host == there.host else None


async def fill_submodules(
    git: Git, mirror: Path, tree: Path, sha: str, url: str, *, checked_out: CheckedOut, depth: int = 0
) -> None:
    """Checks out the submodules of `tree`, which is the commit `sha` of the repository at `url`, and those in them.

    `checked_out` is called for each. One on another host stays an empty directory: what uses it is refused by name.
    Raises GitFailed.
    """
    found, _ = await _read(git, mirror, sha, url)
    for submodule in found:
        place = tree / submodule.path
        if depth >= DEEPEST:
            raise GitFailed(f"{submodule.path} is a submodule inside more than {DEEPEST} others")
        if not await in_file_thread(_is_free, tree, place):
            raise GitFailed(f"the submodule {submodule.path} has no empty directory")
        await _fetch(git, mirror, submodule)
        await done(git, add_command(place, submodule.sha), mirror)
        await checked_out(place, submodule.url)
        await in_file_thread((place / ".git").unlink)
        await fill_submodules(
            git, mirror, place, submodule.sha, submodule.url, checked_out=checked_out, depth=depth + 1
        )


async def record_submodules(git: Git, mirror: Path, tree: Path, sha: str, url: str, *, filled: bool) -> None:
    """Records which submodules `tree` has: those that `fill_submodules` fetches if it ran (`filled`), else none.

    It is the last step of a checkout. Raises GitFailed. A tree without submodules gets no record.
    """
    found, left = await _read(git, mirror, sha, url) if filled else ([], await _links(git, mirror, sha))
    if found or left:
        inside = await _unfetched_in(git, mirror, found)
        await in_file_thread(write_record, tree, [submodule.path for submodule in found], [*left, *inside])


async def are_filled(git: Git, mirror: Path, tree: Path, sha: str, url: str, *, asked: bool) -> bool:
    """Whether `tree` has what `record_submodules` recorded, and what `fill_submodules` would fetch if `asked`.

    It may be older than the setting, and than the record.
    """
    found, left = await _read(git, mirror, sha, url) if asked else ([], await _links(git, mirror, sha))
    if not found and not left:
        return True
    return await in_file_thread(is_as_recorded, tree, [submodule.path for submodule in found])


async def _unfetched_in(git: Git, mirror: Path, submodules: Sequence[Submodule]) -> list[str]:
    """The paths of the submodules inside `submodules` that `fill_submodules` leaves empty."""
    paths: list[str] = []
    for submodule in submodules:
        found, left = await _read(git, mirror, submodule.sha, submodule.url)
        paths += [f"{submodule.path}/{path}" for path in (*left, *await _unfetched_in(git, mirror, found))]
    return paths


async def _links(git: Git, mirror: Path, sha: str) -> dict[str, str]:
    return links_in(await done(git, ["ls-tree", "-r", "-z", "--full-tree", sha], mirror))


async def _read(git: Git, mirror: Path, sha: str, url: str) -> tuple[list[Submodule], Collection[str]]:
    """The submodules of the commit that can be fetched, and the paths of the others. None of those inside them."""
    links = await _links(git, mirror, sha)
    if not links:
        return [], ()
    asked = ["config", "--blob", f"{sha}:.gitmodules", "--null", "--get-regexp", r"^submodule\..*\.(path|url)$"]
    finished, out = await git(asked, mirror)
    found = list(_reachable(links, urls_in(out) if finished.ok else {}, url))
    fetched = {submodule.path for submodule in found}
    return found, [path for path in links if path not in fetched]


def _reachable(links: dict[str, str], urls: dict[str, str], base: str) -> Iterator[Submodule]:
    for path, sha in links.items():
        address = address_of(urls[path], base) if path in urls else None
        if address is not None:
            yield Submodule(path, sha, address)


async def _fetch(git: Git, mirror: Path, submodule: Submodule) -> None:
    """Fetches the commit. A server that gives no single commit is asked for all branches and tags."""
    kept = f"refs/submodules/{submodule.sha}"
    flags = ["fetch", "--no-tags", "--no-recurse-submodules"]
    everything = [f"+refs/{kind}/*:{kept}/{kind}/*" for kind in ("heads", "tags")]
    for refs in ([f"{submodule.sha}:{kept}/commit"], everything):
        if await _has(git, mirror, submodule.sha):
            return
        finished, _ = await git([*flags, "--", submodule.url, *refs], mirror)
    if not await _has(git, mirror, submodule.sha):
        why = f"the submodule {submodule.path} could not be fetched: {submodule.url} does not give {submodule.sha[:12]}"
        raise GitFailed(why, last_lines=finished.lines[-10:], transient=transient_line(finished.lines))


async def _has(git: Git, mirror: Path, sha: str) -> bool:
    finished, _ = await git(["cat-file", "-e", f"{sha}^{{commit}}"], mirror)
    return finished.ok


def _is_free(tree: Path, place: Path) -> bool:
    return place.resolve().is_relative_to(tree.resolve()) and place.is_dir() and not any(place.iterdir())
