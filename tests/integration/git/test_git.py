"""Git on real repositories: tags, trees, clones, and the traces of a crash."""

# ruff: noqa: ASYNC240 - a test may block
import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.domain.errors import GitFailed, TagInvalid, TagMoved, TagNotFound
from tests.integration.git.repositories import OBJECT_FORMATS, Repository, git, modular_repository
from workers.adapters.git_repo.mirror import GitSource

LIMIT = 120.0
FILES = {"app.py": "print('one')\n", "deep/er/file.txt": "two\n"}
EVIL_TAGS = (
    "--upload-pack=/x",
    "-v1.0.0",
    "../x",
    "v1;rm",
    "v1.0.0;rm",
    "v1.0.0 ",
    "v1.0.0:x",
    "+v1.0.0",
    "v1.0.*",
    "",
)


@pytest.fixture(params=OBJECT_FORMATS)
def object_format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def repository(tmp_path: Path, object_format: str) -> Repository:
    """A repository with the annotated tag `v1.0.0`, and the lightweight tag `v1.1.0` of the next commit."""
    repository = Repository(tmp_path / "repository", object_format)
    repository.commit(FILES)
    repository.tag("v1.0.0", "--annotate")
    repository.commit({"app.py": "print('two')\n"})
    repository.tag("v1.1.0")
    return repository


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "git"


@pytest.fixture
def source(repository: Repository, directory: Path) -> GitSource:
    return GitSource(str(repository.path), directory, fetch_seconds=LIMIT)


def sha_at(repository: Repository, name: str) -> str:
    return git(repository.path, "rev-parse", name)


def content(tree: Path) -> dict[str, str]:
    files = [path for path in tree.rglob("*") if path.is_file() and ".git" not in path.relative_to(tree).parts]
    return {str(path.relative_to(tree)): path.read_text() for path in files}


@pytest.mark.parametrize("tag", ["v1.0.0", "v1.1.0"])
async def test_fetch_returns_the_tags_commit(source: GitSource, repository: Repository, tag: str) -> None:
    sha = await source.fetch(tag)
    assert sha == sha_at(repository, f"{tag}^{{commit}}")
    tree = await source.checkout(sha)
    assert content(tree) == FILES | ({"app.py": "print('two')\n"} if tag == "v1.1.0" else {})


async def test_repository_with_other_names_is_refused_by_name(
    source: GitSource, repository: Repository, object_format: str
) -> None:
    """The operator converted the repository: no commit that is kept is in it."""
    kept = await source.fetch("v1.0.0")
    shutil.rmtree(repository.path)
    other = Repository(repository.path, next(each for each in OBJECT_FORMATS if each != object_format))
    other.commit(FILES)
    other.tag("v1.2.0")
    with pytest.raises(GitFailed, match=r"move .*mirror\.git away"):
        await source.fetch("v1.2.0")
    assert content(await source.checkout(kept)) == FILES


async def test_find_resolves_a_tag_without_fetching(source: GitSource, repository: Repository, directory: Path) -> None:
    for tag in ("v1.0.0", "v1.1.0"):
        assert await source.find(tag) == sha_at(repository, tag)
    assert git(directory / "mirror.git", "tag", "--list") == ""


async def test_fetching_a_tag_again_returns_same_commit(source: GitSource) -> None:
    assert await source.fetch("v1.0.0") == await source.fetch("v1.0.0")


async def test_missing_tag_raises_a_named_error(source: GitSource) -> None:
    for ask in (source.find, source.fetch):
        with pytest.raises(TagNotFound):
            await ask("v9.9.9")


@pytest.mark.parametrize("kind", [(), ("--annotate",)])
async def test_moved_tag_is_refused(source: GitSource, repository: Repository, kind: tuple[str, ...]) -> None:
    repository.tag("v2.0.0", *kind)
    first = await source.fetch("v2.0.0")
    repository.commit({"app.py": "print('evil')\n"})
    repository.tag("v2.0.0", "--force", *kind)
    for _ in range(2):
        with pytest.raises(TagMoved, match=r"v2\.0\.0"):
            await source.fetch("v2.0.0")
    assert content(await source.checkout(first))["app.py"] == "print('two')\n"


@pytest.mark.parametrize("kind", [(), ("--annotate",)])
async def test_commit_of_a_tag_is_read_without_a_fetch(
    source: GitSource, repository: Repository, directory: Path, kind: tuple[str, ...]
) -> None:
    repository.tag("v2.0.0", *kind)
    assert await source.commit_at("v2.0.0") == sha_at(repository, "v2.0.0^{commit}")
    assert git(directory / "mirror.git", "for-each-ref") == ""
    repository.commit({"app.py": "print('moved')\n"})
    repository.tag("v2.0.0", "--force", *kind)
    assert await source.commit_at("v2.0.0") == sha_at(repository, "v2.0.0^{commit}")
    with pytest.raises(TagNotFound):
        await source.commit_at("v2.0")


@pytest.mark.parametrize("kind", [(), ("--annotate",)])
async def test_moved_tag_is_fetched_for_the_approved_commit(
    source: GitSource, repository: Repository, directory: Path, kind: tuple[str, ...]
) -> None:
    repository.tag("v2.0.0", *kind)
    first = await source.fetch("v2.0.0")
    repository.commit({"app.py": "print('three')\n"})
    repository.tag("v2.0.0", "--force", *kind)
    second = sha_at(repository, "HEAD")
    with pytest.raises(TagMoved, match=first[:12]):
        await source.fetch("v2.0.0", first)
    with pytest.raises(TagMoved):
        await source.fetch("v2.0.0")
    assert await source.fetch("v2.0.0", second) == second
    assert content(await source.checkout(second, "v2.0.0"))["app.py"] == "print('three')\n"
    git(directory / "mirror.git", "gc", "--prune=now", "--quiet")
    assert content(await source.checkout(first))["app.py"] == "print('two')\n", "the kept release"


async def test_tag_without_a_commit_is_a_named_error(source: GitSource, repository: Repository) -> None:
    repository.tag("v3.0.0", at="HEAD^{tree}")
    with pytest.raises(GitFailed, match="does not point to a commit"):
        await source.fetch("v3.0.0")


@pytest.mark.parametrize("tag", EVIL_TAGS)
async def test_invalid_tag_never_reaches_git(source: GitSource, directory: Path, tag: str) -> None:
    for ask in (source.find, source.fetch):
        with pytest.raises(TagInvalid):
            await ask(tag)
    assert not directory.exists()


@pytest.mark.parametrize("sha", ["HEAD", "--quiet", "../x", "v1.0.0", "abc123", ""])
async def test_only_a_full_sha_is_checked_out(source: GitSource, sha: str) -> None:
    await source.fetch("v1.0.0")
    with pytest.raises(GitFailed, match="not a commit SHA"):
        await source.checkout(sha)


async def test_unfetched_commit_raises_a_named_error(source: GitSource) -> None:
    await source.fetch("v1.0.0")
    with pytest.raises(GitFailed, match="could not be checked out"):
        await source.checkout("0" * 39 + "1")


@pytest.mark.parametrize(
    "crash", ["a file gone", "a file cut", "a file more", "no .git", "no repository", "no tree", "a lock", "begun"]
)
async def test_checkout_repairs_an_incomplete_tree(source: GitSource, directory: Path, crash: str) -> None:
    sha = await source.fetch("v1.0.0")
    tree = await source.checkout(sha)
    about = directory / "mirror.git" / "worktrees" / sha
    match crash:
        case "a file gone":
            (tree / "app.py").unlink()
        case "a file cut":
            (tree / "app.py").write_text("pri")
        case "a file more":
            (tree / "more.py").write_text("")
        case "no .git":
            shutil.rmtree(tree / ".git")
        case "no repository":
            shutil.rmtree(tree / ".git")
            (tree / ".git").write_text(f"gitdir: {about}\n")
        case "no tree":
            shutil.rmtree(tree)
        case "a lock":
            (tree / "app.py").unlink()
            (about / "index.lock").touch()
        case "begun":  # git's mark of a tree that it is still adding
            (tree / "app.py").unlink()
            (about / "locked").write_text("initializing\n")
    assert content(await source.checkout(sha, "v1.0.0")) == FILES
    assert git(tree, "describe", "--tags", "--dirty") == "v1.0.0"


@pytest.mark.parametrize("tag", ["v1.0.0", "v1.1.0"])
async def test_tree_has_a_repository_that_can_be_copied(
    source: GitSource, directory: Path, tmp_path: Path, tag: str
) -> None:
    """As `COPY . .` does it for a build: with the tag, without the history and without a path of this machine."""
    for each in ("v1.0.0", "v1.1.0"):
        await source.fetch(each)
    tree = await source.checkout(await source.fetch(tag), tag)
    copy = shutil.copytree(tree, tmp_path / "image")
    shutil.rmtree(directory)
    assert git(copy, "describe", "--tags", "--dirty") == tag
    assert git(copy, "tag", "--list") == tag
    assert git(copy, "rev-list", "--count", "HEAD") == "1"
    assert [
        str(p) for p in (copy / ".git").rglob("*") if p.is_file() and str(tmp_path).encode() in p.read_bytes()
    ] == []


async def test_commit_without_a_tag_has_a_repository(source: GitSource, repository: Repository) -> None:
    sha = await source.fetch("v1.0.0")
    git(repository.path, "tag", "--delete", "v1.0.0")
    tree = await source.checkout(sha)
    assert git(tree, "rev-parse", "HEAD") == sha


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize(("first", "second"), [("v2.0.0-rc.1", "v2.0.0"), ("v2.0.0", "v1.9.0")])
async def test_promoted_commit_has_the_tag_of_its_release(
    source: GitSource, repository: Repository, *, first: str, second: str, fresh: bool
) -> None:
    """An annotated tag would hide a lightweight one from `git describe`."""
    repository.commit({"app.py": "3"})
    repository.tag(first, "--annotate")
    repository.tag(second)
    sha = sha_at(repository, "HEAD")
    await source.fetch(first)
    if not fresh:
        assert git(await source.checkout(sha, first), "describe", "--tags") == first
    await source.fetch(second)
    tree = await source.checkout(sha, second)
    assert git(tree, "tag", "--list") == second
    assert git(tree, "describe", "--tags", "--dirty") == second
    assert git(await source.checkout(sha), "tag", "--list") == second, "a plan changes nothing"


async def test_checkout_keeps_a_complete_tree(source: GitSource) -> None:
    sha = await source.fetch("v1.0.0")
    before = (await source.checkout(sha)).stat().st_ino
    assert (await source.checkout(sha)).stat().st_ino == before


async def test_fetch_repairs_an_incomplete_mirror(source: GitSource, directory: Path) -> None:
    (directory / "mirror.git").mkdir(parents=True)
    assert content(await source.checkout(await source.fetch("v1.0.0"))) == FILES


async def test_prune_keeps_only_the_named_trees(source: GitSource) -> None:
    old, new = [await source.fetch(tag) for tag in ("v1.0.0", "v1.1.0")]
    gone, kept = [await source.checkout(sha) for sha in (old, new)]
    await source.prune([new])
    assert (gone.exists(), kept.exists()) == (False, True)
    assert content(await source.checkout(old)) == FILES, "a pruned tree can be checked out again"


async def test_prune_before_any_fetch_is_no_error(source: GitSource) -> None:
    await source.prune([])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
async def test_data_directory_of_another_user_is_used(source: GitSource, directory: Path) -> None:
    sha = await source.fetch("v1.0.0")
    await source.checkout(sha)
    for path in (directory, *directory.rglob("*")):
        os.lchown(path, 12345, 12345)
    assert content(await source.checkout(sha)) == FILES
    await source.checkout(await source.fetch("v1.1.0"))


async def test_missing_repository_raises_a_named_error(directory: Path, tmp_path: Path) -> None:
    nowhere = GitSource(str(tmp_path / "nowhere"), directory, fetch_seconds=LIMIT)
    for ask in (nowhere.find, nowhere.fetch):
        with pytest.raises(GitFailed):
            await ask("v1.0.0")


async def test_silent_remote_times_out_with_no_process(directory: Path) -> None:
    async with deaf() as (port, hung_up):
        # Within five seconds git connects, also on a busy machine.
        source = GitSource(f"https://127.0.0.1:{port}/x.git", directory, fetch_seconds=5.0)
        for ask, word in ((source.find, "ls-remote"), (source.fetch, "fetch")):
            with pytest.raises(GitFailed, match=f"git {word} took longer than") as late:
                await ask("v1.0.0")
            assert bool(late.value.transient) is (word == "fetch")
            await asyncio.wait_for(hung_up.get(), LIMIT)


@asynccontextmanager
async def deaf() -> AsyncIterator[tuple[int, asyncio.Queue[bool]]]:
    """A server that accepts and never answers: its port, and a queue with an item for each closed connection."""
    hung_up: asyncio.Queue[bool] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        hung_up.put_nowait(True)

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], hung_up


async def test_operators_clone_reports_commit_and_tags(
    source: GitSource, repository: Repository, tmp_path: Path
) -> None:
    live = tmp_path / "live"
    git(tmp_path, "clone", "--quiet", str(repository.path), str(live))
    git(live, "checkout", "--quiet", "v1.0.0")
    sha = sha_at(repository, "v1.0.0^{commit}")
    assert await source.commit_in(live, "HEAD") == sha
    assert await source.commit_in(live, "refs/tags/v1.0.0") == sha
    assert await source.commit_in(live, sha[:8]) == sha
    assert await source.commit_in(live, "refs/tags/v9.9.9") is None
    assert await source.commit_in(live, "--output=/x") is None
    assert await source.tags_in(live, sha) == ["v1.0.0"]
    moved = await source.moved_in(live)
    assert moved is not None
    assert abs((datetime.now(UTC) - moved).total_seconds()) < LIMIT
    (live / ".git" / "logs" / "HEAD").unlink()
    assert await source.moved_in(live) is None


async def test_subdirectory_counts_only_in_stacks_clone(
    source: GitSource, repository: Repository, tmp_path: Path
) -> None:
    live = tmp_path / "live"
    git(tmp_path, "clone", "--quiet", str(repository.path), str(live))
    (live / "deploy").mkdir()
    assert await source.commit_in(live / "deploy", "HEAD") == sha_at(repository, "HEAD")
    git(live, "remote", "set-url", "origin", "https://github.com/octo/dotfiles.git")
    assert await source.commit_in(live / "deploy", "HEAD") is None
    assert await source.tags_in(live / "deploy", sha_at(repository, "HEAD")) == []


@pytest.mark.parametrize(
    ("remotes", "counts"),
    [
        ({"origin": "https://github.com/octo/ops.git"}, False),
        ({"origin": "https://github.com/not-octo/shop.git"}, False),
        ({"origin": "https://github.com/me/shop.git", "upstream": "https://github.com/octo/shop.git"}, True),
        ({"upstream": "git@work:octo/shop"}, True),
        ({}, True),
    ],
)
async def test_only_a_clone_of_the_repository_counts(
    repository: Repository, directory: Path, tmp_path: Path, remotes: dict[str, str], counts: bool
) -> None:
    source = GitSource("https://github.com/octo/shop.git", directory, LIMIT, names=["octo/shop"])
    live = tmp_path / "live"
    git(tmp_path, "clone", "--quiet", str(repository.path), str(live))
    git(live, "remote", "remove", "origin")
    for name, url in remotes.items():
        git(live, "remote", "add", name, url)
    assert await source.commit_in(live, "HEAD") == (sha_at(repository, "HEAD") if counts else None)


async def test_directory_without_a_clone_reports_none(source: GitSource, tmp_path: Path) -> None:
    assert await source.commit_in(tmp_path / "missing", "HEAD") is None
    (tmp_path / "plain").mkdir()
    assert await source.commit_in(tmp_path / "plain", "HEAD") is None


@pytest.mark.parametrize(
    "origin",
    ["git@github.com:Octo/Shop.git", "https://user:token@github.com/octo/shop", "ssh://git@github.com/octo/shop.git"],
)
async def test_every_form_of_repository_url_matches(
    repository: Repository, directory: Path, tmp_path: Path, origin: str
) -> None:
    source = GitSource("https://github.com/octo/shop.git", directory, LIMIT, names=["octo/shop"])
    live = tmp_path / "live"
    git(tmp_path, "clone", "--quiet", str(repository.path), str(live))
    git(live, "remote", "set-url", "origin", origin)
    (live / "deploy").mkdir()
    assert await source.commit_in(live / "deploy", "HEAD") == sha_at(repository, "HEAD")


# Submodules


@pytest.fixture
def modular(tmp_path: Path, object_format: str) -> Repository:
    """v1.0.0 has the submodule `deps/lib`, which has newer commits, and the submodule `inner` of its own."""
    main = modular_repository(tmp_path, {"lib.py": "2"}, object_format)
    (tmp_path / "lib" / "lib.py").write_text("newer than what main has")
    git(tmp_path / "lib", "commit", "--quiet", "--all", "--message", "change")
    return main


@pytest.mark.parametrize("any_commit", [True, False], ids=["by commit", "by branches"])
async def test_submodules_are_checked_out(
    modular: Repository, directory: Path, tmp_path: Path, any_commit: bool
) -> None:
    for name in ("lib", "inner"):
        git(tmp_path / name, "config", "uploadpack.allowAnySHA1InWant", str(any_commit).lower())
    source = GitSource(str(modular.path), directory, LIMIT, submodules=True)
    tree = await source.checkout(await source.fetch("v1.0.0"), "v1.0.0")
    found = {name: text for name, text in content(tree).items() if name.endswith(".py")}
    assert found == {"app.py": "1", "deps/lib/lib.py": "2", "deps/lib/inner/deepest.py": "3"}
    assert git(shutil.copytree(tree, tmp_path / "image"), "describe", "--tags", "--dirty") == "v1.0.0"
    inode = (tree / "app.py").stat().st_ino
    assert (await source.checkout(tree.name) / "app.py").stat().st_ino == inode, "a whole tree is used again"


async def test_submodules_are_fetched_only_if_asked_for(modular: Repository, directory: Path) -> None:
    """And a tree from before the setting gets them."""
    without = GitSource(str(modular.path), directory, LIMIT)
    sha = await without.fetch("v1.0.0")
    assert list((await without.checkout(sha) / "deps" / "lib").iterdir()) == []
    tree = await GitSource(str(modular.path), directory, LIMIT, submodules=True).checkout(sha)
    assert (tree / "deps" / "lib" / "lib.py").read_text() == "2"


async def test_submodule_of_another_host_stays_empty(modular: Repository, directory: Path) -> None:
    text = (modular.path / ".gitmodules").read_text()
    modular.commit({".gitmodules": text.replace("../lib", "https://elsewhere.invalid/lib")})
    modular.tag("v1.1.0")
    source = GitSource(str(modular.path), directory, LIMIT, submodules=True)
    tree = await source.checkout(await source.fetch("v1.1.0"))
    assert list((tree / "deps" / "lib").iterdir()) == []


async def test_missing_commit_of_a_submodule_is_a_named_error(
    modular: Repository, directory: Path, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "lib")
    Repository(tmp_path / "lib").commit({"lib.py": "another history"})
    source = GitSource(str(modular.path), directory, LIMIT, submodules=True)
    sha = await source.fetch("v1.0.0")
    with pytest.raises(GitFailed, match="the submodule deps/lib could not be fetched"):
        await source.checkout(sha)
    assert not (directory / "trees" / sha / ".git").is_dir(), "the tree counts as incomplete"
