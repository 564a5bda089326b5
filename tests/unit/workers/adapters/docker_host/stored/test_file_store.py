"""Copies of mounted files: each under the hash of what is in it, whole, and kept while something uses it."""

import errno
import os
from pathlib import Path

import pytest

from app.domain.errors import EngineFailed, StaleWorker
from workers.adapters.docker_host.stored.file_store import FileStore


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


def a_directory(at: Path) -> Path:
    (at / "deep").mkdir(parents=True)
    (at / "a.conf").write_text("a")
    (at / "deep" / "run.sh").write_text("#!/bin/sh\n")
    (at / "deep" / "run.sh").chmod(0o700)
    (at / "link").symlink_to("a.conf")
    (at / ".git").write_text("gitdir: elsewhere")
    return at


def test_equal_content_has_one_copy(store: FileStore, tmp_path: Path) -> None:
    one, other = a_directory(tmp_path / "1" / "conf"), a_directory(tmp_path / "2" / "conf")
    assert store.put(one) == store.put(other) == store.place(one)
    assert len(list(store.directory.iterdir())) == 1


def test_copy_is_whole_and_readable_for_every_user(store: FileStore, tmp_path: Path) -> None:
    os.umask(0o077)
    try:
        kept = store.put(a_directory(tmp_path / "conf"))
    finally:
        os.umask(0o022)
    assert sorted(str(path.relative_to(kept)) for path in kept.rglob("*")) == ["a.conf", "deep", "deep/run.sh", "link"]
    modes = [oct(path.stat().st_mode & 0o777) for path in (kept, kept / "a.conf", kept / "deep", kept / "deep/run.sh")]
    assert modes == ["0o755", "0o644", "0o755", "0o755"]
    assert (kept / "link").readlink() == Path("a.conf")


@pytest.mark.parametrize("change", ["content", "name", "mode", "link", "more"])
def test_any_change_has_another_copy(store: FileStore, tmp_path: Path, change: str) -> None:
    conf = a_directory(tmp_path / "conf")
    before = store.put(conf)
    match change:
        case "content":
            (conf / "a.conf").write_text("b")
        case "name":
            (conf / "a.conf").rename(conf / "b.conf")
        case "mode":
            (conf / "a.conf").chmod(0o755)
        case "link":
            (conf / "link").unlink()
            (conf / "link").symlink_to("deep")
        case _:
            (conf / "deep" / "empty").mkdir()
    assert store.put(conf) != before
    assert (before / "a.conf").read_text() == "a"


def test_equal_files_of_other_names_have_a_copy_each(store: FileStore, tmp_path: Path) -> None:
    for name in ("site.conf", "other.conf"):
        (tmp_path / name).write_text("x")
        assert store.put(tmp_path / name).read_text() == "x"


def test_single_file_keeps_its_name(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "site.conf").write_text("x")
    kept = store.put(tmp_path / "site.conf")
    assert (kept.name, kept.read_text()) == ("site.conf", "x")


def test_link_to_a_file_is_that_file(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "site.conf").write_text("x")
    (tmp_path / "link").symlink_to("site.conf")
    kept = store.put(tmp_path / "link")
    assert (kept.is_symlink(), kept.read_text()) == (False, "x")


def test_place_writes_nothing(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "site.conf").write_text("x")
    store.place(tmp_path / "site.conf")
    assert not store.directory.exists()


def test_unused_copies_are_removed(store: FileStore, tmp_path: Path) -> None:
    kept = []
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
        kept.append(store.put(tmp_path / name))
    (store.directory / ".new-1-0").mkdir()
    store.prune([str(kept[0]), f"{kept[1]}/deeper", "/elsewhere"])
    assert [path.exists() for path in kept] == [True, True, False]
    assert len(list(store.directory.iterdir())) == 2
    assert store.missing([str(path) for path in [*kept, tmp_path / "nowhere"]]) == [str(kept[2])]


def test_replaced_worker_removes_no_copy(store: FileStore, tmp_path: Path) -> None:
    """A release of the worker that took over may use it."""

    def stale() -> None:
        raise StaleWorker("another worker has taken over")

    (tmp_path / "a").write_text("a")
    copy = store.put(tmp_path / "a")
    with pytest.raises(StaleWorker):
        FileStore(store.directory, stale).prune([])
    assert copy.exists()


def test_file_that_cannot_be_read_is_named(store: FileStore, tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="nowhere cannot be read"):
        store.put(tmp_path / "nowhere")


def test_what_is_no_file_is_named(store: FileStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(EngineFailed, match="pipe is neither a file nor a directory"):
        store.put(tmp_path / "pipe")


def test_copy_that_fails_leaves_nothing(store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    conf = a_directory(tmp_path / "conf")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(EngineFailed, match="No space left on device"):
            store.put(conf)
    assert list(store.directory.iterdir()) == []
    assert store.put(conf).exists()


@pytest.mark.parametrize("inside", ["", "app.conf"])
def test_link_counts_as_what_it_leads_to(store: FileStore, tmp_path: Path, inside: str) -> None:
    """The release has `site -> prod`, a file or a directory, and changes only what the link leads to."""
    target, link = tmp_path / "prod", tmp_path / "site"
    link.symlink_to("prod")
    file = target / inside if inside else target
    file.parent.mkdir(exist_ok=True)
    file.write_text("old")
    before = store.put(link)
    file.write_text("new")
    after = store.put(link)
    assert before != after
    assert [(copy / inside if inside else copy).read_text() for copy in (before, after)] == ["old", "new"]
