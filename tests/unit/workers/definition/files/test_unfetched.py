"""The record of a checkout says which submodules are missing, and which files a filter of Git would make."""

from pathlib import Path

import pytest

from workers.definition.files import filter_record
from workers.definition.files.submodule_record import PLACE, SubmoduleRecord
from workers.definition.files.unfetched import in_words, unfetched


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Has the submodules `empty` and `lib`, but not `lib/inner`. `.gitmodules` names those at the top."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "lib" / "inner").mkdir(parents=True)
    (tmp_path / ".gitmodules").write_text('[submodule "a"]\n\tpath = lib\n[submodule "b"]\n\tpath = empty\n')
    (tmp_path / PLACE).write_bytes(SubmoduleRecord({"lib": "1", "empty": "2"}, ["lib/inner"]).content())
    return tmp_path


@pytest.mark.parametrize("path", [".", "lib", "lib/inner", "lib/inner/file"])
def test_inner_submodule_is_missing(tree: Path, path: str) -> None:
    assert unfetched(tree, path) == [("a submodule", "lib/inner")]
    assert unfetched(tree, path, ["lib/inner"]) == []


def test_fetched_submodule_without_files_is_whole(tree: Path) -> None:
    assert unfetched(tree, "empty") == []
    (tree / PLACE).unlink()
    assert unfetched(tree, "empty") != [], "without a record, it may be missing"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\0GITCRYPT\0" + b"\1" * 20, "a file that git-crypt encrypted"),
        (b"\0GITCRYPT\0" + b"\1" * 5000, "a file that git-crypt encrypted"),
        (b"/annex/objects/SHA256E-s5--0a.bin\n", "a pointer to a file of git-annex"),
    ],
)
def test_file_that_a_program_must_make_is_missing(tree: Path, content: bytes, kind: str) -> None:
    (tree / "conf").mkdir()
    (tree / "conf" / "key").write_bytes(content)
    assert unfetched(tree, ".")[-1:] == unfetched(tree, "conf") == unfetched(tree, "conf/key") == [(kind, "conf/key")]
    assert unfetched(tree, "conf", ["conf/key"]) == []
    (words,) = in_words({part: ["web"] for part in unfetched(tree, "conf")})
    assert words.startswith(f"conf/key is {kind}, used by web. The updater runs no program on")
    assert "files/live" in words
    assert "files/unfetched" in words


def test_link_of_git_annex_is_missing(tree: Path) -> None:
    (tree / "conf").mkdir()
    (tree / "conf" / "model").symlink_to("../.git/annex/objects/aa/bb/SHA256E-s5--0a/SHA256E-s5--0a")
    (tree / "conf" / "other").symlink_to("../somewhere")
    assert unfetched(tree, "conf") == [("a pointer to a file of git-annex", "conf/model")]


@pytest.mark.parametrize(
    "content",
    [
        b"age-encryption.org/v1\n-> X25519 abc\n",
        b"db_password: ENC[AES256_GCM,data:abc]\nsops:\n    version: 3.8.1\n",
        b"about \0GITCRYPT\0",
        b"/annex/objects/ is a directory\n" + b"x" * 2000,
        b"",
    ],
)
def test_encrypted_data_of_the_release_is_whole(tree: Path, content: bytes) -> None:
    (tree / "conf").mkdir()
    (tree / "conf" / "data").write_bytes(content)
    assert unfetched(tree, "conf") == []


def test_file_for_a_filter_is_missing_by_the_record(tree: Path) -> None:
    filters = {
        "conf/a": "vault",
        "conf/b": "vault",
        "c": "lfs",
        "d": "git-crypt-web",
        "e": "annex",
        "f.ipynb": "nbstripout",
    }
    (tree / filter_record.PLACE).write_bytes(filter_record.record(filters))
    kind = "a file for the Git filter vault"
    assert unfetched(tree, "conf") == [(kind, "conf/a"), (kind, "conf/b")]
    assert unfetched(tree, "conf/a", ["conf"]) == unfetched(tree, "elsewhere") == unfetched(tree, "c") == []
    (words,) = in_words({part: ["web"] for part in unfetched(tree, "conf")})
    assert words.startswith("conf/a, conf/b are each a file for the Git filter vault, used by web.")
    assert "files/unfetched" in words


@pytest.mark.parametrize("content", ["", "[]", "1", "{"])
def test_record_that_cannot_be_read_is_none(tree: Path, content: str) -> None:
    (tree / filter_record.PLACE).write_text(content)
    assert filter_record.recorded(tree) is None
