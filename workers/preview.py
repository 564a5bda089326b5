"""Reads the newest release of a local clone with a stack file, before any worker runs. Needs Git and Compose alone."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import docker

from app.api.plan import PlannedImage
from app.api.preview import ReleasePreview
from app.config.stack_file import load_stack
from app.domain.errors import GitFailed, TagInvalid, UpdaterError
from app.domain.release import new_rollout_id
from app.domain.stack import Channel, Stack
from app.domain.tags import DatedTag
from workers.adapters.commands import read_command
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.compose.release_reader import ReadRelease, ReleaseReader
from workers.adapters.docker_host.engine_parts import MARKS_KEY
from workers.adapters.docker_host.policy import ReleasePolicyCheck
from workers.adapters.docker_host.stored.file_store import FileStore
from workers.adapters.docker_host.stored.value_marks import ValueMarks
from workers.adapters.git_repo.mirror import GitSource
from workers.adapters.redaction import Redactor, names_of
from workers.definition.changes.comparison import compare
from workers.ports import Difference, Stamp

TAGS_SECONDS = 30.0
_DATED = "%(refname:strip=2) %(creatordate:iso-strict)"
NO_ENGINE = "unix:///dev/null"
"""Only `policy/forbid` asks the engine, and only about its networks."""


async def previewed(stack: Stack, repository: Path) -> ReleasePreview:
    """The newest release in the clone `repository`, from where alone it is fetched. What refuses it is in `problems`.

    Raises GitFailed if the tags cannot be listed.
    """
    tags = await _tags(repository)
    tag = newest(tags, stack)
    if tag is None:
        return ReleasePreview(problems=tuple(_refused(tags, stack)))
    redactor = Redactor(Path(stack.directory), env_files=stack.env_files, ordinary=names_of(stack))
    with tempfile.TemporaryDirectory(prefix="updater-preview-") as directory:
        try:
            found = await _read(stack, repository, tag, Path(directory), redactor)
        except UpdaterError as error:
            found = ReleasePreview(tag=tag, problems=(f"{error.code}: {error}",))
    return ReleasePreview.model_validate(redactor.value(found.model_dump()))


def newest(tags: Iterable[DatedTag], stack: Stack) -> str | None:
    """The newest tag that the stack file's `tags` and `channel` let in; None if there is none."""
    every = stack.channel is Channel.PRERELEASE
    own = [each for each in tags if stack.tags.matches(each.tag)]
    return stack.tags.newest(each for each in own if every or not stack.tags.names_a_prerelease(each.tag))


def _refused(tags: Sequence[DatedTag], stack: Stack) -> Iterator[str]:
    """Why the clone's latest tag does not fit, and what to write; nothing if `channel` leaves it out."""
    latest = max(tags, key=lambda each: each.published_at.timestamp() if each.published_at else 0, default=None)
    if latest is None:
        return
    if not stack.tags.matches(latest.tag):
        yield f"{latest.tag}: {stack.tags.unmatched(latest.tag)}"
        return
    try:
        stack.tags.check(latest.tag)
    except TagInvalid as problem:
        yield problem.detail


async def _tags(repository: Path) -> list[DatedTag]:
    """The clone's tags. Only GitHub knows when a release was published; the tag's own date comes next to it."""
    words = ["git", "-C", str(repository), "for-each-ref", "refs/tags", f"--format={_DATED}"]
    done, tags = await read_command(words, limit=TAGS_SECONDS)
    if not done.ok:
        raise GitFailed(f"the tags of {repository} cannot be listed: {' '.join(done.lines)}")
    lines = (line.partition(" ") for line in tags.splitlines())
    return [DatedTag(tag, datetime.fromisoformat(at) if at else None) for tag, _, at in lines]


async def _read(stack: Stack, repository: Path, tag: str, directory: Path, redactor: Redactor) -> ReleasePreview:
    signers = Path(stack.policy.allowed_signers) if stack.policy.allowed_signers else None
    source = GitSource(str(repository), directory / "git", stack.times.fetch, signers)
    sha = await source.fetch(tag)
    tree = await source.checkout(sha, tag)
    client = docker.DockerClient(base_url=NO_ENGINE, version="1.41")
    try:
        policy = ReleasePolicyCheck(Docker(client, None), stack, directory)
        compose = Compose(find_compose(os.environ.get("UPDATER_COMPOSE")), stack.project, None, learn=redactor.learn)
        store, marks = FileStore(directory / "files"), ValueMarks(directory / MARKS_KEY)
        reader = ReleaseReader(compose, stack, store, policy, marks=marks)
        read = await reader.read(tree, Stamp(tag, sha, new_rollout_id()), None)
    finally:
        client.close()
    return _shown(read, stack, tag, sha, tree)


def _shown(read: ReadRelease, stack: Stack, tag: str, sha: str, tree: Path) -> ReleasePreview:
    compared = compare(read.model, None, stack, tree=str(tree))
    problems = [f"{problem.code}: {problem.detail}" for problem in read.problems]
    problems += [f"policy_refused: {use}" for use in read.forbidden]
    return ReleasePreview(
        tag=tag,
        sha=sha,
        images=tuple(map(_image, compared.moved)),
        problems=tuple(problems),
        warnings=(*read.warnings, *compared.callers),
    )


def _image(each: Difference) -> PlannedImage:
    reason = f"built from {each.context}" if each.context is not None else "pulled"
    return PlannedImage(service=each.service, image=each.image, builds=each.context is not None, reason=reason)


def main() -> None:
    """`python -m workers.preview STACK_FILE REPOSITORY`. Prints the preview as JSON; exits with 1 and the reason."""
    file, repository = map(Path, sys.argv[1:])
    try:
        found = asyncio.run(previewed(load_stack(file), repository))
    except UpdaterError as error:
        sys.exit(str(error))
    print(json.dumps(found.as_json()))


if __name__ == "__main__":
    main()
