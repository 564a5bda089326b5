"""What the updater does not do for a Git LFS file: follow, wait for ever, fill the disk, run a program."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.errors import GitFailed
from tests.integration.git.lfs.lfs_release import BAD, GOOD, LIMIT, TAG, LfsHost, host_with_two_files
from tests.integration.git.lfs.lfs_server import LfsGit, LfsRequests, delivered, oid_of, pointer
from tests.integration.git.private_git import serving


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LfsHost]:
    with host_with_two_files(tmp_path, monkeypatch) as host:
        yield host


async def test_credential_is_not_sent_to_where_a_batch_moved(host: LfsHost) -> None:
    source = host.source()
    sha = await source.fetch(TAG)
    with serving(LfsGit(host.root, host.certificate, None)) as elsewhere:
        host.server.moved_to = elsewhere.url
        with pytest.raises(GitFailed, match="redirects to another address"):
            await source.checkout(sha)
    assert elsewhere.authorizations == []
    assert elsewhere.batches == []


async def test_other_server_in_lfsconfig_is_refused(host: LfsHost) -> None:
    own = f"{host.server.url}/shop/.git/info/lfs"
    for number, text in enumerate((f"[lfs]\nurl = {own}/\n", f'[remote "origin"]\nlfsurl = {own}\n')):
        host.release({".lfsconfig": text}, f"v1.1.{number}")
        source = host.source()
        assert (await source.checkout(await source.fetch(f"v1.1.{number}")) / "models/bad.bin").read_bytes() == BAD
    with serving(LfsGit(host.root, host.certificate, None)) as elsewhere:
        for number, key in enumerate(("[lfs]\nurl", '[remote "origin"]\nlfsurl')):
            host.release({".lfsconfig": f"{key} = {elsewhere.url}/shop/.git/info/lfs\n"}, f"v1.2.{number}")
            sha = await source.fetch(f"v1.2.{number}")
            with pytest.raises(GitFailed, match=r"\.lfsconfig names another server.*localhost"):
                await source.checkout(sha)
            assert not (host.directory / "trees" / sha).exists()
    assert elsewhere.authorizations == []


async def test_slow_server_is_given_up_and_continued(host: LfsHost) -> None:
    sha = await host.source().fetch(TAG)
    over = threading.Event()

    def late(request: LfsRequests, content: bytes) -> None:
        if content == GOOD:
            delivered(request, content)
            return
        over.wait(LIMIT)
        request.answer(500, [])

    host.server.deliver = late
    with pytest.raises(
        GitFailed, match=rf"models/bad.bin \(oid {oid_of(BAD)}\) could.*longer than 15 s \(times/fetch\)"
    ):
        await host.source(limit=15.0).checkout(sha)
    over.set()
    assert host.contents == [oid_of(GOOD)]
    host.server.deliver = delivered
    tree = await host.source().checkout(sha)
    assert (tree / "models/bad.bin").read_bytes() == BAD
    assert [oid for oid, _ in host.server.downloads].count(oid_of(GOOD)) == 1


async def test_release_larger_than_the_disk_is_not_begun(host: LfsHost) -> None:
    host.release({"models/bad.bin": pointer(BAD, size=str(2**60))}, "v2.0.0")
    source = host.source()
    sha = await source.fetch("v2.0.0")
    with pytest.raises(GitFailed, match=r"the disk has \d+ bytes free, and \d+ are needed"):
        await source.checkout(sha)
    assert host.server.batches == []


async def test_extended_pointer_is_refused(host: LfsHost) -> None:
    extended = pointer(BAD).replace("oid ", f"ext-0-crypt sha256:{oid_of(GOOD)}\noid ", 1)
    host.release({"models/bad.bin": extended}, "v2.0.0")
    sha = await host.source().fetch("v2.0.0")
    with pytest.raises(GitFailed, match=r"models/bad\.bin .*extension"):
        await host.source().checkout(sha)


async def test_path_that_is_not_utf8_is_refused(host: LfsHost) -> None:
    host.release({"models/\udcff.bin": pointer(BAD)}, "v2.0.0")
    sha = await host.source().fetch("v2.0.0")
    with pytest.raises(GitFailed, match=r"models/\ufffd\.bin, which has filter=lfs, cannot be read"):
        await host.source().checkout(sha)
    assert host.server.batches == []
