"""The tree of a commit: a worktree that gets a repository of its own, so that `git describe` works in a build.

A worktree has only a file `.git` with a path of this machine, which means nothing in an image.
"""

import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from app.domain.errors import GitFailed
from workers.adapters.commands import Finished
from workers.adapters.threads import in_file_thread

Git = Callable[[Sequence[str], Path], Awaitable[tuple[Finished, str]]]
"""Runs git in a directory. Raises GitFailed if it cannot be run; a failed command is an answer."""

SHA256_DIGITS = 64
_SERVES_ANY_COMMIT = "git -c safe.directory=* -c uploadpack.allowAnySHA1InWant=true upload-pack"


def add_command(tree: Path, sha: str) -> list[str]:
    """Adds a worktree. `--force` twice: after a power cut, git's lock on a half-made tree outlives `worktree prune`."""
    return ["worktree", "add", "--force", "--force", "--detach", "--quiet", str(tree), sha]


def format_of(sha: str) -> str:
    """The object format of a repository in which `sha` is a whole name of a commit.

    https://git-scm.com/docs/hash-function-transition
    """
    return "sha256" if len(sha) == SHA256_DIGITS else "sha1"


def init_command(directory: Path, object_format: str) -> list[str]:
    return ["init", "--quiet", "--template=", f"--object-format={object_format}", str(directory)]


def take_command(mirror: Path, sha: str, *tags: str) -> list[str]:
    """Takes the one commit, without its history, and `tags` of it from the mirror."""
    refs = [f"refs/tags/{tag}:refs/tags/{tag}" for tag in tags]
    flags = ("--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", f"--upload-pack={_SERVES_ANY_COMMIT}")
    return ["fetch", *flags, "--", mirror.as_uri(), sha, *refs]


async def give_repository(git: Git, mirror: Path, tree: Path, sha: str) -> None:
    """Replaces the file `.git` of the worktree `tree` by a repository with the commit `sha`.

    Raises GitFailed. A tree that a crash left without `.git` counts as incomplete.
    """
    new = tree.with_name(f"{tree.name}.new")
    await in_file_thread(lambda: shutil.rmtree(new, ignore_errors=True))
    index = await done(git, ["rev-parse", "--path-format=absolute", "--git-path", "index"], tree)
    await done(git, init_command(new, format_of(sha)), mirror)
    await done(git, take_command(mirror, sha), new)
    await done(git, ["-c", "core.logAllRefUpdates=false", "update-ref", "--no-deref", "HEAD", sha], new)
    await in_file_thread(_replace, tree, new, Path(index.strip()))


async def give_tag(git: Git, mirror: Path, tree: Path, sha: str, tag: str) -> None:
    """Makes `tag` the only tag in the tree's repository, so that `git describe` gives the release's own.

    The commit may have others: it ran as a release candidate, and is published again. Raises GitFailed.
    """
    tags = (await done(git, ["tag", "--list"], tree)).split()
    if tags == [tag]:
        return
    for other in tags:
        await done(git, ["update-ref", "-d", f"refs/tags/{other}"], tree)
    await done(git, take_command(mirror, sha, tag), tree)
    await in_file_thread((tree / ".git" / "FETCH_HEAD").unlink)  # it has the mirror's path


def _replace(tree: Path, new: Path, index: Path) -> None:
    try:
        shutil.copy2(index, new / ".git" / "index")
        (new / ".git" / "FETCH_HEAD").unlink()  # it has the mirror's path
        (tree / ".git").unlink()
        (new / ".git").rename(tree / ".git")
        new.rmdir()
    except OSError as error:
        raise GitFailed(f"the release's repository could not be written ({error})") from error


async def done(git: Git, words: Sequence[str], directory: Path, failure: str = "") -> str:
    """The output of a git command. Raises GitFailed if it fails, with `failure` in words."""
    finished, out = await git(words, directory)
    if not finished.ok:
        ended = f"{failure} (exit code {finished.code})" if failure else _ended(words, finished)
        raise GitFailed(ended, last_lines=finished.lines[-10:])
    return out


def _ended(words: Sequence[str], finished: Finished) -> str:
    return f"git {words[0]} ended with exit code {finished.code}"
