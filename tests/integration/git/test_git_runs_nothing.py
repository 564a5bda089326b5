"""Checked-out files are data: no program that a release, a user or a machine configured for Git runs.

Plain Git springs each trap first, because a trap that cannot work would prove nothing.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from app.domain.errors import GitFailed
from tests.integration.git.lfs.lfs_release import lfs_host
from tests.integration.git.repositories import Repository, git
from workers.adapters.git_repo.mirror import GitSource

TAG = "v1.0.0"


class Trap:
    """A home directory with a Git configuration, and a script that leaves a trace when it runs."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self.traces = directory / "traces"
        self.script = directory / "script"
        self.home.mkdir()
        self.script.write_text(f"#!/bin/sh\necho ran >> {self.traces}\ncat\n")
        self.script.chmod(0o755)

    def configure(self, text: str) -> None:
        (self.home / ".gitconfig").write_text(text)

    def hook(self, directory: Path) -> Path:
        """A post-checkout hook in `directory`."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "post-checkout").symlink_to(self.script)
        return directory

    def sprung(self) -> bool:
        """Whether the script has run since the last call."""
        ran = self.traces.exists()
        self.traces.unlink(missing_ok=True)
        return ran


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trap:
    trap = Trap(tmp_path)
    monkeypatch.setenv("HOME", str(trap.home))
    return trap


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def release(repository: Repository, **files: str) -> None:
    repository.commit({"app.py": "print('one')\n", **{name.replace("__", "."): text for name, text in files.items()}})
    repository.tag(TAG, "--annotate")


def plain_clone(repository: Repository, trap: Trap, directory: Path) -> None:
    """Clones like a user with that home directory; a failing filter is not an error here."""
    command = ["git", "clone", "--quiet", "--recurse-submodules", "--branch", TAG, str(repository.path), str(directory)]
    env = {"PATH": os.environ["PATH"], "HOME": str(trap.home), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(command, check=False, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)


def call_lfs() -> None:
    subprocess.run(["git", "lfs"], check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)


def hooks_path(trap: Trap) -> None:
    trap.configure(f"[core]\nhooksPath = {trap.hook(trap.home / 'hooks')}\n")


def template(trap: Trap) -> None:
    trap.hook(trap.home / "template" / "hooks")
    trap.configure(f"[init]\ntemplateDir = {trap.home / 'template'}\n")


def own_filter(trap: Trap) -> None:
    trap.configure(f'[filter "evil"]\nsmudge = {trap.script}\nclean = {trap.script}\n')


def lfs(trap: Trap) -> None:
    trap.configure(f'[filter "lfs"]\nsmudge = {trap.script}\nclean = {trap.script}\nrequired = true\n')


def fsmonitor(trap: Trap) -> None:
    trap.configure(f"[core]\nfsmonitor = {trap.script}\n")


@pytest.mark.parametrize("setup", [hooks_path, template, own_filter, lfs, fsmonitor])
async def test_checkout_runs_no_hook_or_filter(
    setup: Callable[[Trap], None], trap: Trap, repository: Repository, tmp_path: Path
) -> None:
    release(repository, __gitattributes="*.py filter=evil\n*.bin filter=lfs\n", model__bin="pointer\n")
    setup(trap)
    plain_clone(repository, trap, tmp_path / "clone")
    assert trap.sprung(), "the trap works"
    source = GitSource(str(repository.path), tmp_path / "git", fetch_seconds=120.0)
    for _ in range(2):
        tree = await source.checkout(await source.fetch(TAG))
    assert (tree / "model.bin").read_text() == "pointer\n", "the file has the content of the commit"
    await source.prune([])
    assert not trap.sprung()


async def test_fetching_lfs_files_runs_no_program(trap: Trap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a user's filter nor the program `git-lfs`."""
    lfs(trap)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git-lfs").symlink_to(trap.script)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    call_lfs()
    assert trap.sprung(), "the trap works"
    with lfs_host(tmp_path, monkeypatch) as host:
        host.release({"model.bin": host.server.store(b"weights")})
        plain_clone(host.repository, trap, tmp_path / "clone")
        assert trap.sprung(), "the trap works"
        source = host.source()
        for _ in range(2):
            tree = await source.checkout(await source.fetch(TAG))
        assert (tree / "model.bin").read_bytes() == b"weights"
        await source.prune([])
        await source.collect()
    assert not trap.sprung()


async def test_monitor_in_the_tree_does_not_run(trap: Trap, repository: Repository, tmp_path: Path) -> None:
    """A build or a person may have configured it there."""
    release(repository)
    source = GitSource(str(repository.path), tmp_path / "git", fetch_seconds=120.0)
    tree = await source.checkout(await source.fetch(TAG))
    git(tree, "config", "core.fsmonitor", str(trap.script))
    git(tree, "status")
    assert trap.sprung(), "the trap works"
    await source.checkout(tree.name)
    assert not trap.sprung()


async def test_hook_in_the_mirror_does_not_run(trap: Trap, repository: Repository, tmp_path: Path) -> None:
    release(repository)
    source = GitSource(str(repository.path), tmp_path / "git", fetch_seconds=120.0)
    sha = await source.fetch(TAG)
    trap.hook(tmp_path / "git" / "mirror.git" / "hooks")
    await source.checkout(sha)
    assert not trap.sprung()


async def test_a_submodule_is_not_fetched(repository: Repository, tmp_path: Path) -> None:
    library = Repository(tmp_path / "library")
    library.commit({"code.py": ""})
    git(repository.path, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "lib")
    release(repository)
    source = GitSource(str(repository.path), tmp_path / "git", fetch_seconds=120.0)
    tree = await source.checkout(await source.fetch(TAG))
    assert list((tree / "lib").iterdir()) == []
    assert await source.checkout(tree.name) == tree, "the tree counts as complete without the submodule"


@pytest.mark.parametrize("url", ["ext::sh -c {script}", "fd::0", "--upload-pack={script}"])
async def test_command_as_remote_url_is_not_run(url: str, trap: Trap, tmp_path: Path) -> None:
    source = GitSource(url.format(script=trap.script), tmp_path / "git", fetch_seconds=120.0)
    for ask in (source.find, source.fetch):
        with pytest.raises(GitFailed):
            await ask(TAG)
    assert not trap.sprung()
