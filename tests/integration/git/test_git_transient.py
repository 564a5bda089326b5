"""Which failures of the real git are transient: those of the network and of the server."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from app.domain.errors import GitFailed, TagNotFound, UpdaterError
from deploy.demo.processes import free_port
from tests.integration.git.private_git import (
    GitRequests,
    PrivateGit,
    certificate,
    mirror_that_trusts,
    need_private_git,
    serving,
)
from tests.integration.git.repositories import Repository
from workers.adapters.git_repo.mirror import GitSource

TAG, LIMIT = "v1.0.0", 120.0


class BusyGit(PrivateGit):
    """Answers with `status` instead of git's answer; with None, it ends the connection without an answer."""

    status: int | None = HTTPStatus.OK


class BusyRequests(GitRequests):
    server: BusyGit

    def serve(self) -> None:
        if self.server.status == HTTPStatus.OK:
            super().serve()
        elif self.server.status is not None:
            self.answer(self.server.status, [])


BusyGit.request_handler = BusyRequests


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BusyGit]:
    need_private_git()
    repository = Repository(tmp_path / "served" / "shop")
    repository.commit({"app.py": "print('one')\n"})
    repository.tag(TAG)
    trusted = certificate(tmp_path)
    mirror_that_trusts(trusted, tmp_path / "git")
    with serving(BusyGit(tmp_path / "served", trusted, None)) as server:
        yield server


@pytest.fixture
def source(server: BusyGit, tmp_path: Path) -> GitSource:
    return GitSource(f"{server.url}/shop/.git", tmp_path / "git", LIMIT)


async def failure(source: GitSource, tag: str = TAG) -> UpdaterError:
    with pytest.raises(GitFailed) as failed:
        await source.fetch(tag)
    return failed.value


@pytest.mark.parametrize(
    ("status", "transient"),
    [
        (HTTPStatus.INTERNAL_SERVER_ERROR, True),
        (HTTPStatus.BAD_GATEWAY, True),
        (HTTPStatus.SERVICE_UNAVAILABLE, True),
        (HTTPStatus.GATEWAY_TIMEOUT, True),
        (HTTPStatus.TOO_MANY_REQUESTS, True),
        (None, True),
        (HTTPStatus.UNAUTHORIZED, False),
        (HTTPStatus.FORBIDDEN, False),
        (HTTPStatus.NOT_FOUND, False),
        (HTTPStatus.GONE, False),
    ],
)
async def test_answer_of_a_busy_server_is_transient(
    server: BusyGit, source: GitSource, status: int | None, transient: bool
) -> None:
    server.status = status
    failed = await failure(source)
    assert bool(failed.transient) is transient, failed.last_lines
    server.status = HTTPStatus.OK
    assert await source.fetch(TAG)


async def test_server_that_is_down_is_transient(tmp_path: Path) -> None:
    failed = await failure(GitSource(f"https://127.0.0.1:{free_port()}/shop.git", tmp_path / "git", LIMIT))
    assert failed.transient, failed.last_lines


@pytest.mark.parametrize("url", ["https://nowhere.invalid/shop.git", "ssh://git@nowhere.invalid/shop.git"])
async def test_unknown_host_is_transient(tmp_path: Path, url: str) -> None:
    failed = await failure(GitSource(url, tmp_path / "git", LIMIT))
    assert failed.transient, failed.last_lines


async def test_certificate_of_no_authority_is_not_transient(server: BusyGit, tmp_path: Path) -> None:
    failed = await failure(GitSource(f"{server.url}/shop/.git", tmp_path / "other", LIMIT))
    assert not failed.transient, failed.last_lines


@pytest.mark.parametrize("name", ["nothing-here", "shop/.git/objects"])
async def test_missing_repository_is_not_transient(server: BusyGit, tmp_path: Path, name: str) -> None:
    failed = await failure(GitSource(f"{server.url}/{name}", tmp_path / "git", LIMIT))
    assert not failed.transient, failed.last_lines


async def test_missing_tag_is_transient(source: GitSource) -> None:
    """GitHub may announce a release before each of its Git servers has the tag."""
    with pytest.raises(TagNotFound) as missing:
        await source.fetch("v2.0.0")
    assert missing.value.transient
    with pytest.raises(TagNotFound) as asked:
        await source.find("v2.0.0")
    assert not asked.value.transient
