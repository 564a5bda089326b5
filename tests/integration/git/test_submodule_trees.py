"""Trees with submodules: what is missing in one is refused by name, and what is damaged is fetched again."""

import os
from pathlib import Path

import pytest

from tests.integration.git.repositories import ADD_SUBMODULE, Repository, git, modular_repository
from workers.adapters.git_repo.mirror import GitSource
from workers.definition.files.submodule_record import PLACE
from workers.definition.files.unfetched import unfetched

LIMIT = 120.0


@pytest.fixture
def modular(tmp_path: Path) -> Repository:
    """v1.0.0 has the submodule `deps/lib` with two files, which has the submodule `inner`."""
    return modular_repository(tmp_path, {"lib.py": "2", "more.py": "2"})


async def released(modular: Repository, directory: Path, *, submodules: bool = True) -> tuple[GitSource, Path]:
    """What the test has changed, as v1.1.0: the source, and the tree that it checks out."""
    modular.commit({})
    modular.tag("v1.1.0")
    source = GitSource(str(modular.path), directory / "git", LIMIT, submodules=submodules)
    return source, await source.checkout(await source.fetch("v1.1.0"))


@pytest.mark.parametrize("crash", ["gone", "cut", "inner emptied"])
async def test_checkout_repairs_an_incomplete_submodule(modular: Repository, tmp_path: Path, crash: str) -> None:
    source = GitSource(str(modular.path), tmp_path / "git", LIMIT, submodules=True)
    tree = await source.checkout(await source.fetch("v1.0.0"))
    match crash:
        case "gone":
            (tree / "deps" / "lib" / "more.py").unlink()
        case "cut":
            (tree / "deps" / "lib" / "more.py").write_text("")
        case "inner emptied":
            (tree / "deps" / "lib" / "inner" / "deepest.py").unlink()
    tree = await source.checkout(tree.name)
    found = {p.name: p.read_text() for p in (tree / "deps").rglob("*.py")}
    assert found == {"lib.py": "2", "more.py": "2", "deepest.py": "3"}


async def test_tree_with_an_empty_submodule_is_used_again(modular: Repository, tmp_path: Path) -> None:
    """While a build reads it, a plan may ask for it."""
    Repository(tmp_path / "empty").commit({})
    git(modular.path, *ADD_SUBMODULE, "../empty", "empty")
    source, tree = await released(modular, tmp_path)
    with (tree / "app.py").open() as opened:  # keeps the inode from being used again
        await source.checkout(tree.name)
        assert opened.read() == "1"
        assert (tree / "app.py").stat().st_ino == os.fstat(opened.fileno()).st_ino


async def test_inner_submodule_of_another_host_is_refused(modular: Repository, tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    git(lib, "config", "--file", ".gitmodules", "submodule.inner.url", "https://elsewhere.invalid/inner")
    git(lib, "commit", "--quiet", "--all", "--message", "change")
    git(modular.path / "deps" / "lib", "fetch", "--quiet", str(lib))
    git(modular.path / "deps" / "lib", "checkout", "--quiet", "FETCH_HEAD")
    _, tree = await released(modular, tmp_path)
    assert (tree / "deps" / "lib" / "lib.py").exists()
    assert list((tree / "deps" / "lib" / "inner").iterdir()) == []
    assert unfetched(tree, ".") != []


async def test_submodule_without_an_entry_is_refused(modular: Repository, tmp_path: Path) -> None:
    git(modular.path, "rm", "--quiet", "--cached", ".gitmodules")
    (modular.path / ".gitmodules").unlink()
    _, tree = await released(modular, tmp_path)
    assert list((tree / "deps" / "lib").iterdir()) == []
    assert unfetched(tree, ".") != []


@pytest.mark.parametrize("submodules", [True, False])
async def test_tree_of_an_older_version_gets_its_record(modular: Repository, tmp_path: Path, submodules: bool) -> None:
    """Else a submodule without an entry in .gitmodules would still be missing without a word."""
    source = GitSource(str(modular.path), tmp_path / "git", LIMIT, submodules=submodules)
    tree = await source.checkout(await source.fetch("v1.0.0"))
    first = (tree / PLACE).read_bytes()
    (tree / PLACE).unlink()
    await source.checkout(tree.name)
    assert (tree / PLACE).read_bytes() == first, "and each checkout leaves the same"


async def test_submodule_without_an_entry_is_refused_without_the_setting(modular: Repository, tmp_path: Path) -> None:
    git(modular.path, "rm", "--quiet", "--cached", ".gitmodules")
    (modular.path / ".gitmodules").unlink()
    _, tree = await released(modular, tmp_path, submodules=False)
    (problem,) = unfetched(tree, ".")
    assert problem == ("a submodule", "deps/lib")


async def test_whole_submodules_are_not_refused(modular: Repository, tmp_path: Path) -> None:
    """One without files is an empty directory, as one that is missing is."""
    Repository(tmp_path / "empty").commit({})
    git(modular.path, *ADD_SUBMODULE, "../empty", "empty")
    _, tree = await released(modular, tmp_path)
    assert unfetched(tree, ".") == []


@pytest.mark.parametrize("url", ["https://[::1/lib", "https://elsewhere.invalid/lib"])
async def test_submodule_with_an_invalid_address_is_refused(modular: Repository, tmp_path: Path, url: str) -> None:
    git(modular.path, "config", "--file", ".gitmodules", "submodule.deps/lib.url", url)
    _, tree = await released(modular, tmp_path)
    (problem,) = unfetched(tree, ".")
    assert problem == ("a submodule", "deps/lib")


async def test_release_without_submodules_gets_no_record(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.commit({"app.py": "1"})
    repository.tag("v1.0.0")
    source = GitSource(str(repository.path), tmp_path / "git", LIMIT, submodules=True)
    tree = await source.checkout(await source.fetch("v1.0.0"))
    inode = (tree / ".git").stat().st_ino
    assert not (await source.checkout(tree.name) / PLACE).exists()
    assert (tree / ".git").stat().st_ino == inode, "a whole tree is used again"
