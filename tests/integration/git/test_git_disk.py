"""Git on a disk that is full: the error says so, in words that Git does not always have."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.errors import GitFailed
from deploy.demo.docker.mounts import unmount_below
from tests.integration.git.repositories import Repository
from workers.adapters.commands import Finished
from workers.adapters.git_repo.disk_space import with_free_space
from workers.adapters.git_repo.mirror import GitSource

LIMIT = 120.0
DISK_MB = 4
LARGEST = 1_000_000
"""Bytes of the release's files, which do not fit beside the mirror and what fills the disk."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory that is a filesystem of DISK_MB."""
    directory = tmp_path / "disk"
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(directory)]
    subprocess.run(command, check=True, timeout=300, capture_output=True)
    try:
        yield directory
    finally:
        unmount_below(tmp_path)


def fill(directory: Path) -> None:
    with (directory / "filled").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small filesystem")
async def test_full_disk_is_named_with_what_is_left(small_disk: Path, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.commit({f"file-{n}": "x" * (LARGEST // 4) for n in range(4)})
    repository.tag("v1.0.0")
    source = GitSource(str(repository.path), small_disk / "git", fetch_seconds=LIMIT)
    sha = await source.fetch("v1.0.0")
    fill(small_disk)
    with pytest.raises(GitFailed) as failed:
        await source.checkout(sha)
    assert failed.value.last_lines[-1].startswith(f"Disk space left in {small_disk}/git")
    (small_disk / "filled").unlink()
    assert len((await source.checkout(sha) / "file-0").read_text()) == LARGEST // 4


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("error: unable to write file skills/VERSION", True),
        ("fatal: unable to create file app.py: No space left on device", True),
        ("fatal: sha1 file '/data/git/x/index.lock' write error. Out of diskspace", True),
        ("error: failed to write commit-graph", True),
        ("fatal: update_ref failed for ref 'HEAD': cannot update ref 'HEAD': couldn't write '/data/HEAD.lock'", True),
        ("fatal: repository 'https://git.example.org/shop' not found", False),
    ],
)
def test_only_a_failed_write_names_the_disk(tmp_path: Path, line: str, named: bool) -> None:
    lines = with_free_space(Finished(128, (line,)), tmp_path).lines
    assert len(lines) == 1 + named
    assert with_free_space(Finished(0, (line,)), tmp_path).lines == (line,)


def test_failure_before_there_is_a_directory_stays_as_it_is(tmp_path: Path) -> None:
    failed = Finished(128, ("fatal: unable to create file app.py",))
    assert with_free_space(failed, tmp_path / "missing") == failed
