import errno
import hashlib
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.domain.errors import GitFailed
from workers.adapters.git_repo.lfs.large_file import LargeFile
from workers.adapters.git_repo.lfs.object_cache import ObjectCache

CONTENT = b"weights of the model" * 10_000
FILE = LargeFile("models/a.bin", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), "https://git.example/lfs")


@pytest.fixture
def cache(tmp_path: Path) -> ObjectCache:
    cache = ObjectCache(tmp_path / "lfs")
    cache.check_room([FILE], [FILE])
    return cache


def received(cache: ObjectCache, content: bytes = CONTENT) -> None:
    incoming = cache.receive(FILE)
    try:
        incoming.write(content)
        incoming.keep()
    finally:
        incoming.discard()


def files(directory: Path) -> list[str]:
    return [path.name for path in directory.rglob("*") if path.is_file()]


@contextmanager
def full_after(size: int) -> Iterator[None]:
    """The kernel refuses to write files beyond `size` bytes, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_only_a_complete_content_is_there(cache: ObjectCache, tmp_path: Path) -> None:
    assert not cache.has(FILE)
    received(cache)
    assert cache.has(FILE)
    assert files(tmp_path) == [FILE.oid]
    assert not cache.has(LargeFile(FILE.path, FILE.oid, FILE.size + 1, FILE.server)), "a pointer with another size"


def test_nothing_is_left_of_a_wrong_content(cache: ObjectCache, tmp_path: Path) -> None:
    for content in (b"", CONTENT[1:], CONTENT[::-1], CONTENT + b"!"):
        with pytest.raises(GitFailed, match=f"models/a.bin .oid {FILE.oid}"):
            received(cache, content)
    assert files(tmp_path) == []


def test_a_full_disk_is_named(cache: ObjectCache, tmp_path: Path) -> None:
    with (
        full_after(4096),
        pytest.raises(GitFailed, match=f"written to disk .File too large.; it has {FILE.size} bytes"),
    ):
        received(cache)
    assert files(tmp_path) == []
    received(cache)
    tree = tmp_path / "tree"
    (tree / "models").mkdir(parents=True)
    (tree / FILE.path).write_text("pointer")
    with full_after(4096), pytest.raises(GitFailed, match="written to disk"):
        cache.put(FILE, tree)


def test_a_disk_that_loses_writes_keeps_nothing(
    cache: ObjectCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        with pytest.raises(GitFailed, match="No space left on device"):
            received(cache)
    assert files(tmp_path) == []


@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_copy_has_the_mode_of_the_pointer(cache: ObjectCache, tmp_path: Path, mode: int) -> None:
    received(cache)
    pointer = tmp_path / "tree" / FILE.path
    pointer.parent.mkdir(parents=True)
    pointer.write_text("pointer")
    pointer.chmod(mode)
    cache.put(FILE, tmp_path / "tree")
    assert pointer.read_bytes() == CONTENT
    assert pointer.stat().st_mode & 0o777 == mode
    assert pointer.stat().st_nlink == 1, "a change of the copy leaves the cache alone"
