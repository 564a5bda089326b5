"""Files that a filter of Git would make: recorded by a checkout that runs no filter, and refused by name."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.errors import ComposeInvalid
from app.domain.stack import FileRules
from tests.integration.compose.read_release import Bench
from tests.integration.git.repositories import Repository, modular_repository
from workers.adapters.git_repo.mirror import GitSource
from workers.definition.files.filter_record import PLACE, recorded
from workers.definition.files.unfetched import unfetched

CRYPT = "\0GITCRYPT\0" + "\1" * 20
ATTRIBUTES = "*.key filter=vault\nplain.key !filter\nunset.key -filter\nset.key filter\n*.bin filter=lfs\n"
KEYS = {f"deep/{name}.key": "x" for name in ("one", "plain", "unset", "set")}


async def checked_out(repository: Repository, directory: Path, *, submodules: bool = False) -> Path:
    repository.tag("v9.0.0")
    source = GitSource(str(repository.path), directory, fetch_seconds=120.0, submodules=submodules)
    return await source.checkout(await source.fetch("v9.0.0"))


async def test_checkout_records_the_files_of_filters(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.commit({".gitattributes": ATTRIBUTES, "a.bin": "x", "b.txt": "x", **KEYS})
    tree = await checked_out(repository, tmp_path / "git")
    assert recorded(tree) == {"deep/one.key": "vault", "a.bin": "lfs"}
    assert unfetched(tree, ".") == [("a file for the Git filter vault", "deep/one.key")]


async def test_many_files_of_a_filter_are_all_recorded(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    names = {f"{n}.key" for n in range(450)}
    repository.commit({".gitattributes": "*.key filter=vault", **dict.fromkeys(names, "x")})
    assert set(recorded(await checked_out(repository, tmp_path / "git")) or ()) == names


async def test_tree_without_a_record_gets_one(tmp_path: Path) -> None:
    """It may be older than the record."""
    repository = Repository(tmp_path / "repository")
    repository.commit({".gitattributes": "*.key filter=vault", "a.key": "x"})
    tree = await checked_out(repository, tmp_path / "git")
    (tree / PLACE).unlink()
    source = GitSource(str(repository.path), tmp_path / "git", fetch_seconds=120.0)
    assert recorded(await source.checkout(tree.name)) == {"a.key": "vault"}


async def test_file_of_a_filter_in_a_submodule_is_recorded(tmp_path: Path) -> None:
    repository = modular_repository(tmp_path, {".gitattributes": "*.key filter=vault", "a.key": "x"})
    tree = await checked_out(repository, tmp_path / "git", submodules=True)
    assert recorded(tree) == {"deps/lib/a.key": "vault"}


@pytest.mark.parametrize("name", ["app.env", "conf/app.env"])
async def test_encrypted_env_file_is_refused_by_name(bench: Bench, name: str) -> None:
    bench.compose({"env_file": [name]})
    bench.put(bench.tree, name, CRYPT)
    (problem,) = (await bench.read()).problems
    assert f"{name} is a file that git-crypt encrypted, used by api-blue (env_file), api-green (env_file)" in str(
        problem
    )
    bench.put(bench.live, name, "A=of the host\n")
    bench.stack = replace(bench.stack, files=FileRules(live=(name,)))
    assert (await bench.service())["environment"]["A"] == "of the host"


INCLUDED = '{"services": {"more": {"image": "x:${V:-none}"}}}'


@pytest.mark.parametrize(
    ("name", "env_file", "user"),
    [
        ("sub/app.env", "sub/app.env", "include of sub/compose.yml: env_file"),
        ("sub/.env", None, "include of sub/compose.yml: env_file"),
        ("sub/compose.yml", None, "include of sub/compose.yml"),
        ("docker-compose.yml", None, "compose_files"),
    ],
)
async def test_encrypted_file_that_compose_reads_is_refused_by_name(
    bench: Bench, name: str, env_file: str | None, user: str
) -> None:
    bench.compose({}, include=[{"path": "sub/compose.yml", **({"env_file": env_file} if env_file else {})}])
    bench.put(bench.tree, "sub/compose.yml", INCLUDED)
    bench.put(bench.tree, name, CRYPT)
    with pytest.raises(ComposeInvalid) as refused:
        await bench.read()
    assert f"{name} is a file that git-crypt encrypted, used by {user}. The updater runs no program" in str(
        refused.value
    )
    assert "env_files in the stack file" in str(refused.value)


async def test_encrypted_mount_build_and_secret_are_refused_by_name(bench: Bench) -> None:
    for api in ({"volumes": ["./key:/key:ro"]}, {"secrets": ["key"]}, {"build": "."}):
        bench.compose(api, secrets={"key": {"file": "./key"}})
        bench.put(bench.tree, "key", CRYPT)
        bench.put(bench.tree, "Dockerfile", "FROM scratch\n")
        (problem,) = (await bench.read()).problems
        assert "key is a file that git-crypt encrypted" in str(problem)
