"""The demo's copy of the user's stack: a clone, a live directory, and Compose's model of both releases."""

import asyncio
import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from app.config.stack_file import load_stack, parse_stack
from app.domain.errors import StackInvalid, UpdaterError
from app.domain.stack import Stack
from deploy.demo.clients import Json
from deploy.demo.own_stack.git import Git
from deploy.demo.own_stack.host_files import Copied, copy_host_files
from deploy.demo.own_stack.refusal import NotPlayable
from deploy.demo.own_stack.tags import Tags, chosen
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.commands import ComposeFiles
from workers.adapters.docker_host.compose.program import find_compose
from workers.ports import Stamp

DEFAULT_ENV_FILE = ".env"
CALLED_FROM = "DEMO_CALLED_FROM"
"""Where the command was called, which `bin/demo` sets."""


@dataclass(frozen=True)
class Asked:
    """What the user asked for. `directory`: in place of the stack file's `directory`. `without`: unmoved services."""

    stack: Path
    repository: Path
    tag: str | None = None
    directory: Path | None = None
    without: Collection[str] = ()

    def where_called(self) -> "Asked":
        """With absolute paths: `bin/demo` itself goes to another directory than the one it is called in."""
        directory = self.directory and path_where_called(self.directory)
        stack, repository = path_where_called(self.stack), path_where_called(self.repository)
        return replace(self, stack=stack, repository=repository, directory=directory)


def path_where_called(path: Path) -> Path:
    """An absolute path. `path` is relative to the directory that `bin/demo` is called in."""
    return (Path(os.environ.get(CALLED_FROM) or ".") / path.expanduser()).resolve()


@dataclass(frozen=True)
class Given:
    """The user's stack file and its meaning, the clone's releases, and the directory with what only the host has."""

    asked: Asked
    content: Json
    stack: Stack
    tags: Tags
    clone: Path
    host: Path | None


def read(asked: Asked, place: Path) -> Given:
    """Reads the stack file and clones the repository to `place`. Raises NotPlayable."""
    try:
        stack = load_stack(asked.stack)
    except StackInvalid as wrong:
        raise NotPlayable(f"{wrong}\nCorrect the stack file, and run this again.") from None
    content = yaml.safe_load(asked.stack.read_text(encoding="utf-8"))
    git, clone = Git(place), place / "repository"
    if not asked.repository.is_dir():
        raise NotPlayable(f"{asked.repository} is not a directory. Name a local Git repository with --repository.")
    work_tree = git.top_of(asked.repository)
    git.clone(work_tree or asked.repository, clone)
    tags = chosen(git.tags(clone), stack, asked.tag)
    if tags.made:
        git.tag_again(clone, tags.before, tags.after)
    host = _host_directory(asked, stack, work_tree)
    return Given(asked, content, stack, tags, clone, host)


def _host_directory(asked: Asked, stack: Stack, work_tree: Path | None) -> Path | None:
    if asked.directory is not None:
        if not asked.directory.is_dir():
            raise NotPlayable(f"{asked.directory} is not a directory. Name one with --directory.")
        return asked.directory
    own = Path(stack.directory)
    if not own.is_dir():
        return work_tree
    acting = [f"{each.name} (singleton)" for each in stack.singletons]
    acting += [f"{each.name} (follower)" for each in stack.followers]
    acting += [f"{each.service} (before_flip)" for each in stack.before_flip]
    if acting:
        raise NotPlayable(
            f"{own}, the stack file's `directory`, is on this machine. With its values, these would act a second time, "
            f"on whatever the values lead to: {', '.join(acting)}. Write values for a try into another directory, and "
            f"name it with --directory; or accept it with --directory {own}."
        )
    return own


def make_live(given: Given, tag: str, live: Path) -> Copied:
    """Makes `live` the operator's directory: the files of `tag`, and what only the host has."""
    git = Git(given.clone.parent)
    live.parent.mkdir(parents=True, exist_ok=True)
    git.check_out(given.clone, tag, live)
    if given.host is None:
        return Copied()
    env_files = given.stack.env_files or (DEFAULT_ENV_FILE,)
    return copy_host_files(given.host, live, git.files_of(given.clone, tag), env_files)


def played(content: Json) -> Stack:
    """What the changed stack file means. Raises NotPlayable."""
    try:
        return parse_stack(content, name="the stack file of the demo")
    except StackInvalid as wrong:
        raise NotPlayable(str(wrong)) from None


def model_of(given: Given, stack: Stack, tag: str, root: Path) -> Json:
    """Compose's model of the release `tag` in `root`, which `make_live` made. `stack`: the one that is played.

    Raises NotPlayable in Compose's words.
    """
    stamp = Stamp(tag, Git(given.clone.parent).commit_of(given.clone, tag), rollout="demo")
    try:
        files = ComposeFiles.below(root, replace(stack, directory=str(root)), stamp)
        return asyncio.run(Compose(find_compose(), stack.project, None).resolve(files)).model
    except UpdaterError as wrong:
        lines = "\n  ".join(("", *wrong.last_lines))
        advice = "Correct it, commit, tag that commit, and run this again"
        raise NotPlayable(f"{tag}: {wrong}{lines}\n{advice}. Traffic and your stack are unchanged.") from None
