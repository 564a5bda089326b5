"""The tests' Git LFS server, with Git LFS's own client: what that pushes, it and the updater fetch."""

import os
from pathlib import Path

import pytest

from deploy.demo.distribution.packages import EngineUnavailable
from deploy.demo.distribution.unpacked import program_of
from deploy.demo.processes import ROOT
from tests.integration.git.lfs.lfs_server import LfsGit, oid_of
from tests.integration.git.private_git import certificate, mirror_that_trusts, need_private_git, serving
from tests.integration.git.repositories import git
from workers.adapters.git_repo.mirror import GitSource

TAG = "v1.0.0"
CREDENTIAL = "Basic b3BlcmF0b3I6cGFzc3dvcmQ="
CONTENTS = {
    "models/small.bin": b"weights",
    "models/large.bin": bytes(range(256)) * 4096,
    "models/run.bin": b"#!/bin/sh\n",
}


@pytest.fixture
def client() -> Path:
    """The directory of the program `git-lfs`."""
    need_private_git()
    try:
        return Path(program_of("git-lfs", "git-lfs", ROOT / ".cache" / "git-lfs", print)).parent
    except EngineUnavailable as missing:
        pytest.skip(f"not available here: {missing}")


async def test_pushed_files_are_fetched_by_both_clients(
    client: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    monkeypatch.setenv("PATH", f"{client}:{os.environ['PATH']}")
    bare, written, cloned = (tmp_path / name for name in ("served/shop.git", "written", "cloned"))
    bare.mkdir(parents=True)
    git(bare, "init", "--quiet", "--bare", "--initial-branch=main")
    git(bare, "config", "http.receivepack", "true")
    mirror_that_trusts(trusted, tmp_path / "git")
    with serving(LfsGit(tmp_path / "served", trusted, CREDENTIAL)) as server:
        lfs = _Client(tmp_path, trusted, server.url)
        lfs.git(tmp_path, "clone", "--quiet", f"{server.url}/shop.git", str(written))
        lfs.git(written, "lfs", "track", "*.bin")
        for name, content in CONTENTS.items():
            (written / name).parent.mkdir(exist_ok=True)
            (written / name).write_bytes(content)
        (written / "models/run.bin").chmod(0o755)
        lfs.git(written, "add", "--all")
        lfs.git(written, "commit", "--quiet", "--message", "change")
        lfs.git(written, "tag", TAG)
        lfs.git(written, "lfs", "push", "origin", "main")
        lfs.git(written, "push", "--quiet", "origin", "HEAD:main", TAG)
        assert server.objects == {oid_of(content): content for content in CONTENTS.values()}

        lfs.git(tmp_path, "clone", "--quiet", f"{server.url}/shop.git", str(cloned))
        assert {name: (cloned / name).read_bytes() for name in CONTENTS} == CONTENTS

        url = server.url.replace("https://", "https://operator:password@")
        source = GitSource(f"{url}/shop.git", tmp_path / "git", 30.0, lfs=True)
        tree = await source.checkout(await source.fetch(TAG))
        assert {name: (tree / name).read_bytes() for name in CONTENTS} == CONTENTS
        assert [(tree / name).stat().st_mode for name in CONTENTS] == [
            (cloned / name).stat().st_mode for name in CONTENTS
        ]

        assert {body["operation"] for _, body in server.batches} == {"upload", "download"}


class _Client:
    """Git with the filter of Git LFS."""

    def __init__(self, home: Path, trusted: Path, url: str) -> None:
        self._environ = {"HOME": str(home), "GIT_ALLOW_PROTOCOL": "https", "GIT_TERMINAL_PROMPT": "0"}
        settings = {
            "http.sslCAInfo": str(trusted),
            f"http.{url}/.extraHeader": f"Authorization: {CREDENTIAL}",
            "filter.lfs.clean": "git-lfs clean -- %f",
            "filter.lfs.smudge": "git-lfs smudge -- %f",
            "filter.lfs.process": "git-lfs filter-process",
            "filter.lfs.required": "true",
            "lfs.locksverify": "false",
        }
        self._words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def git(self, directory: Path, *words: str) -> str:
        return git(directory, *self._words, *words, **self._environ)
