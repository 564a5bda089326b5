"""A release with Git LFS files, its server, and the updater's source for it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.git.lfs.lfs_server import LfsGit
from tests.integration.git.private_git import certificate, mirror_that_trusts, need_private_git, serving
from tests.integration.git.repositories import Repository
from workers.adapters.git_repo.mirror import GitSource

LIMIT = 120.0
TAG = "v1.0.0"
CREDENTIAL = "Basic b3BlcmF0b3I6cGFzc3dvcmQ="
GOOD, BAD = b"weights of the model", b"the second file of the release"
ATTRIBUTES = {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"}


@dataclass(frozen=True)
class LfsHost:
    """`server` serves what is below `root`; the updater keeps its files in `directory`."""

    server: LfsGit
    certificate: Path
    root: Path
    directory: Path
    repository: Repository = field(repr=False)

    @property
    def url(self) -> str:
        return f"{self.server.url}/shop/.git".replace("https://", "https://operator:password@")

    @property
    def contents(self) -> list[str]:
        """The names of all files in the cache, complete or not."""
        return sorted(path.name for path in (self.directory / "lfs").rglob("*") if path.is_file())

    def source(self, *, lfs: bool = True, submodules: bool = False, limit: float = LIMIT) -> GitSource:
        return GitSource(self.url, self.directory, limit, lfs=lfs, submodules=submodules)

    def release(self, files: Mapping[str, str], tag: str = TAG) -> None:
        self.repository.commit({**ATTRIBUTES, **files})
        self.repository.tag(tag)


@contextmanager
def lfs_host(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LfsHost]:
    need_private_git()
    repository = Repository(directory / "served" / "shop")
    trusted = certificate(directory)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    mirror_that_trusts(trusted, directory / "git")
    with serving(LfsGit(directory / "served", trusted, CREDENTIAL)) as server:
        yield LfsHost(server, trusted, directory / "served", directory / "git", repository)


@contextmanager
def host_with_two_files(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LfsHost]:
    """Its release has `models/good.bin` and `models/bad.bin`."""
    with lfs_host(directory, monkeypatch) as host:
        host.release({"models/good.bin": host.server.store(GOOD), "models/bad.bin": host.server.store(BAD)})
        yield host
