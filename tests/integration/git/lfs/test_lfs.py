"""A release's Git LFS files are complete before anything is built; on a real repository and over https."""

import os
import shutil
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config.settings import WorkerSettings
from app.domain.stack import FileRules
from tests.examples import a_stack
from tests.integration.git.lfs.lfs_release import ATTRIBUTES, CREDENTIAL, LIMIT, TAG, LfsHost, lfs_host
from tests.integration.git.lfs.lfs_server import BATCH, SIGNATURE, TICKET, Crowd, LfsGit, LfsRequests, oid_of, pointer
from tests.integration.git.private_git import serving
from tests.integration.git.repositories import Repository, git
from workers.adapters.git_repo.lfs.client import CHUNK_BYTES
from workers.adapters.git_repo.lfs.tree_files import AT_ONCE
from workers.wiring import source_of

ONE, TWO = b"weights of the model", b"\x00\xff" * 4096
DAY = 86_400


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LfsHost]:
    with lfs_host(tmp_path, monkeypatch) as host:
        yield host


async def checked_out(host: LfsHost, tag: str = TAG, **asked: bool) -> Path:
    source = host.source(**asked)
    return await source.checkout(await source.fetch(tag), tag)


async def test_files_replace_their_pointers(host: LfsHost, tmp_path: Path) -> None:
    one, two = host.server.store(ONE), host.server.store(TWO)
    (host.repository.path / "run.bin").touch(mode=0o755)
    host.release({"run.bin": one, "deep/er/two.bin": two, "again.bin": one, "app.py": "1"})
    tree = await checked_out(host)
    found = {name: (tree / name).read_bytes() for name in ("run.bin", "again.bin", "deep/er/two.bin", "app.py")}
    assert found == {"run.bin": ONE, "again.bin": ONE, "deep/er/two.bin": TWO, "app.py": b"1"}
    assert [os.access(tree / name, os.X_OK) for name in ("run.bin", "again.bin")] == [True, False]
    assert sorted(oid for oid, _ in host.server.downloads) == sorted([oid_of(ONE), oid_of(TWO)]), "each content once"
    image = shutil.copytree(tree, tmp_path / "image")
    assert git(image, "describe", "--tags", "--dirty") == TAG
    assert git(image, "status", "--porcelain") == ""


async def test_a_complete_tree_asks_no_server(host: LfsHost) -> None:
    host.release({"one.bin": host.server.store(ONE)})
    tree = await checked_out(host)
    made, asked = (tree / "one.bin").stat().st_ctime_ns, len(host.server.authorizations)
    assert await host.source().checkout(tree.name) == tree
    assert (tree / "one.bin").stat().st_ctime_ns == made, "the tree is used again"
    assert len(host.server.authorizations) == asked


async def test_contents_of_an_earlier_release_are_used(host: LfsHost) -> None:
    host.release({"one.bin": host.server.store(ONE)})
    await checked_out(host)
    host.release({"moved.bin": pointer(ONE), "two.bin": host.server.store(TWO)}, "v1.1.0")
    tree = await checked_out(host, "v1.1.0")
    assert (tree / "moved.bin").read_bytes() == ONE
    assert [[each["oid"] for each in body["objects"]] for _, body in host.server.batches] == [
        [oid_of(ONE)],
        [oid_of(TWO)],
    ]


async def test_credential_goes_to_the_batch_only(host: LfsHost) -> None:
    host.release({"one.bin": host.server.store(ONE)})
    await checked_out(host)
    assert set(host.server.authorizations) == {CREDENTIAL}
    ((path, body),) = host.server.batches
    assert path == f"/shop/.git{BATCH}"
    assert (body["operation"], body["transfers"]) == ("download", ["basic"])
    ((_, headers),) = host.server.downloads
    assert (headers["X-Ticket"], headers.get("Authorization")) == (TICKET, None)


async def test_setting_and_token_reach_the_source(host: LfsHost) -> None:
    host.release({"one.bin": host.server.store(ONE)})
    environ = {"REDIS_URL": "redis://h", "UPDATER_TRAEFIK_DYNAMIC_PATH": "/routes", "GITHUB_TOKEN": "ghp_none"}
    environ |= {"UPDATER_DATA_DIR": str(host.directory.parent)}
    for lfs, found in ((False, pointer(ONE).encode()), (True, ONE)):
        stack = a_stack(source=host.url, files=FileRules(lfs=lfs))
        source = source_of(WorkerSettings.from_environ(environ), stack)
        assert (await source.checkout(await source.fetch(TAG)) / "one.bin").read_bytes() == found


async def test_only_pointers_with_the_attribute_count(
    host: LfsHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a user's own attributes do not count: they are no part of the release."""
    (tmp_path / ".config" / "git").mkdir(parents=True)
    (tmp_path / ".config" / "git" / "attributes").write_text("*.txt filter=lfs\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    files = {
        "plain.bin": "no pointer",
        "pointer.txt": host.server.store(TWO),
        "other.bin": pointer(TWO, oid="md5:0cc175b9c0f1b6a831c399e269772661"),
        "excepted.bin": pointer(TWO),
        ".gitattributes": f"{ATTRIBUTES['.gitattributes']}excepted.bin !filter\n[attr]big filter=lfs\nmodel big\n",
    }
    host.release({**files, "model": host.server.store(ONE)})
    tree = await checked_out(host)
    assert {name: (tree / name).read_text() for name in files} == files
    assert (tree / "model").read_bytes() == ONE


async def test_release_without_pointers_asks_no_server(host: LfsHost) -> None:
    host.release({"app.py": "1", ".lfsconfig": "[lfs]\nurl = https://elsewhere.invalid/lfs\n"})
    await checked_out(host)
    assert host.server.batches == []


async def test_submodules_files_come_from_their_own_server(host: LfsHost) -> None:
    library = Repository(host.root / "lib")
    library.commit({**ATTRIBUTES, "lib.bin": host.server.store(TWO)})
    link = f"160000,{git(library.path, 'rev-parse', 'HEAD')},vendor/lib"
    modules = '[submodule "lib"]\n\tpath = vendor/lib\n\turl = ../../lib/.git\n'
    git(library.path, "config", "uploadpack.allowAnySHA1InWant", "true")
    (host.repository.path / "vendor" / "lib").mkdir(parents=True)
    host.repository.commit({".gitmodules": modules, **ATTRIBUTES, "one.bin": host.server.store(ONE)})
    git(host.repository.path, "update-index", "--add", "--cacheinfo", link)
    git(host.repository.path, "commit", "--quiet", "--message", "link")
    host.repository.tag(TAG)
    tree = await checked_out(host, submodules=True)
    assert [(tree / name).read_bytes() for name in ("one.bin", "vendor/lib/lib.bin")] == [ONE, TWO]
    assert {path for path, _ in host.server.batches} == {f"/shop/.git{BATCH}", f"/lib/.git{BATCH}"}
    (tree / "vendor/lib/lib.bin").write_bytes(TWO[1:])
    assert (await host.source(submodules=True).checkout(tree.name) / "vendor/lib/lib.bin").read_bytes() == TWO


async def test_a_changed_file_is_replaced_from_the_cache(host: LfsHost) -> None:
    host.release({"one.bin": host.server.store(ONE)})
    tree = await checked_out(host)
    asked = len(host.server.authorizations)
    for damage in (b"other" * 4, b"", None):
        (tree / "one.bin").unlink()
        if damage is not None:
            (tree / "one.bin").write_bytes(damage)
        assert (await host.source().checkout(tree.name) / "one.bin").read_bytes() == ONE
    assert len(host.server.authorizations) == asked


async def test_redirected_download_has_no_header_elsewhere(host: LfsHost) -> None:
    host.release({"one.bin": host.server.store(ONE)})

    def away(request: LfsRequests, content: bytes) -> None:
        target = elsewhere.url if request.path.endswith(SIGNATURE) else ""
        request.answer(302, [("Location", f"{target}/public/one")])

    with serving(_Open(host.root, host.certificate, None)) as elsewhere:
        host.server.deliver = away
        assert (await checked_out(host) / "one.bin").read_bytes() == ONE
    ((_, headers),) = elsewhere.downloads
    assert not {"x-ticket", "authorization", "cookie"} & {name.lower() for name in headers}


class _OpenRequests(LfsRequests):
    def do_GET(self) -> None:
        self.server.downloads.append((self.path, dict(self.headers)))
        self.answer(200, [], ONE)


class _Open(LfsGit):
    """Gives anybody the content."""

    request_handler = _OpenRequests


async def test_many_files_are_asked_for_in_groups(host: LfsHost) -> None:
    contents = [f"content {number}".encode() for number in range(201)]
    host.release({f"{number}.bin": host.server.store(content) for number, content in enumerate(contents)})
    tree = await checked_out(host)
    assert [(tree / f"{number}.bin").read_bytes() for number in range(201)] == contents
    assert [len(body["objects"]) for _, body in host.server.batches] == [100, 100, 1]


async def test_a_few_files_are_read_at_once(host: LfsHost) -> None:
    contents = [f"content {number}".encode() for number in range(2 * AT_ONCE)]
    host.release({f"{number}.bin": host.server.store(content) for number, content in enumerate(contents)})
    host.server.deliver = crowd = Crowd(AT_ONCE, LIMIT)
    await checked_out(host)
    assert crowd.most == AT_ONCE


async def test_a_large_file_needs_little_memory(host: LfsHost) -> None:
    content = os.urandom(64 * 1024**2)
    host.release({"large.bin": host.server.store(content)})
    source = host.source()
    sha = await source.fetch(TAG)
    tracemalloc.start()
    try:
        tree = await source.checkout(sha)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert oid_of((tree / "large.bin").read_bytes()) == oid_of(content)
    assert most < 40 * CHUNK_BYTES


async def test_collection_removes_what_no_tree_has(host: LfsHost) -> None:
    host.release({"one.bin": host.server.store(ONE)})
    gone = await checked_out(host)
    host.release({"one.bin": "", "two.bin": host.server.store(TWO)}, "v1.1.0")
    kept = await checked_out(host, "v1.1.0")
    (host.directory / "lfs" / "incoming" / "left").touch()
    source = host.source()
    await source.prune([kept.name])
    await source.collect()
    assert not gone.exists()
    assert host.contents == sorted([oid_of(ONE), oid_of(TWO), "left"]), "a checkout may use the recent ones again"
    for path in (host.directory / "lfs").rglob("*"):
        os.utime(path, (time.time() - DAY, time.time() - DAY))
    await source.collect()
    assert host.contents == [oid_of(TWO)]
    assert (await source.checkout(kept.name) / "two.bin").read_bytes() == TWO
