"""The mirror stays as small as a clone, however many releases are fetched; on real repositories."""

# ruff: noqa: ASYNC240 - a test may block
import asyncio
import os
import time
from pathlib import Path

import pytest

from app.domain.errors import TagMoved
from tests.integration.git.repositories import Repository, git
from workers.adapters.git_repo.collection import PACKS_MOST, is_due
from workers.adapters.git_repo.mirror import GitSource

LIMIT = 120.0
FILES = 110
"""More than a hundred new objects in a fetch stay in a pack of their own (fetch.unpackLimit)."""

TAGS = [f"v1.{number}.0" for number in range(PACKS_MOST + 2)]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The tests share it, because no fetch changes it."""
    repository = Repository(tmp_path_factory.mktemp("collection") / "repository")
    for tag in TAGS:
        repository.commit({f"file-{n}": f"{tag} {n}\n" for n in range(FILES)})
        repository.tag(tag, "--annotate")
    return repository


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "git"


@pytest.fixture
def source(repository: Repository, directory: Path) -> GitSource:
    return GitSource(str(repository.path), directory, fetch_seconds=LIMIT)


def packs(directory: Path) -> int:
    return len(list((directory / "mirror.git" / "objects" / "pack").glob("*.pack")))


async def test_many_fetches_leave_one_pack(source: GitSource, directory: Path) -> None:
    shas = [await source.fetch(tag) for tag in TAGS]
    tree = await source.checkout(shas[0])
    assert packs(directory) == len(TAGS)
    await source.collect()
    assert packs(directory) == 1
    assert [await source.fetch(tag) for tag in TAGS] == shas
    assert await source.checkout(shas[0]) == tree, "a tree stays whole"
    assert (await source.checkout(shas[-1]) / "file-7").read_text() == f"{TAGS[-1]} 7\n"


async def test_moved_tag_is_refused_after_a_collection(
    source: GitSource, repository: Repository, directory: Path
) -> None:
    for tag in TAGS:
        await source.fetch(tag)
    repository.tag("v9.0.0", at=TAGS[0])
    await source.fetch("v9.0.0")
    await source.collect()
    assert packs(directory) == 1
    repository.tag("v9.0.0", "--force", at=TAGS[1])
    with pytest.raises(TagMoved):
        await source.fetch("v9.0.0")


async def test_few_fetches_are_not_collected(source: GitSource, directory: Path) -> None:
    for tag in TAGS[:2]:
        await source.fetch(tag)
    await source.collect()
    assert packs(directory) == 2


async def test_remains_of_interrupted_fetches_are_deleted(source: GitSource, directory: Path) -> None:
    await source.fetch(TAGS[0])
    left = [directory / "mirror.git" / "objects" / "pack" / f"tmp_pack_{name}" for name in ("old", "new")]
    for path in left:
        path.write_bytes(b"PACK")
    two_days_ago = time.time() - 2 * 86_400
    os.utime(left[0], (two_days_ago, two_days_ago))
    await source.collect()
    assert [path.exists() for path in left] == [False, True], "a fetch may still write the newer one"


async def test_collection_without_a_mirror_is_no_error(source: GitSource, directory: Path) -> None:
    await source.collect()
    assert not directory.exists()


async def test_fetches_go_on_during_a_collection(source: GitSource) -> None:
    first = [await source.fetch(tag) for tag in TAGS[:-1]]
    async with asyncio.timeout(LIMIT):
        fetched, *_ = await asyncio.gather(source.fetch(TAGS[-1]), source.collect(), source.checkout(first[0]))
    await source.checkout(fetched)
    for tag, sha in zip(TAGS, first, strict=False):
        assert await source.fetch(tag) == sha


async def test_tree_of_a_recent_checkout_is_spared(source: GitSource, directory: Path) -> None:
    trees = [await source.checkout(await source.fetch(tag)) for tag in TAGS[:2]]
    an_hour_ago = time.time() - 3600
    os.utime(trees[0], (an_hour_ago, an_hour_ago))
    await source.prune([], unused_for=1800)
    assert [tree.exists() for tree in trees] == [False, True]
    os.utime(trees[1], (an_hour_ago, an_hour_ago))
    await source.checkout(git(trees[1], "rev-parse", "HEAD"))
    await source.prune([], unused_for=1800)
    assert trees[1].exists(), "a checkout of an existing tree counts"


@pytest.mark.parametrize(
    ("counts", "due"),
    [
        ("count: 500\nsize: 9\npacks: 10\ngarbage: 0\nsize-garbage: 0\n", False),
        ("count: 501\npacks: 1\ngarbage: 0\n", True),
        ("count: 0\npacks: 11\ngarbage: 0\n", True),
        ("count: 0\npacks: 1\ngarbage: 1\nsize-garbage: 800\n", True),
        ("", False),
    ],
)
def test_collection_is_due_above_its_limits(counts: str, due: bool) -> None:
    assert is_due(counts) is due
