"""Whether a file is the one that a container mounted. The filesystem of the tests has birth times, or these skip."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workers.adapters.docker_host.stored.birth_time import birth_time
from workers.adapters.docker_host.stored.host_file_states import (
    last_change,
    other_versions,
    record,
    untouched_since,
)
from workers.adapters.docker_host.stored.value_marks import ValueMarks
from workers.definition.files.live_files import LiveFile

MOST_TRIES = 5000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "live/conf").mkdir(parents=True)
    (tmp_path / "live/conf/token.txt").write_text("one")
    return tmp_path / "live/conf/token.txt"


@pytest.fixture
def marks(tmp_path: Path) -> ValueMarks:
    return ValueMarks(tmp_path / "marks.key")


def with_its_number(file: Path, text: str) -> None:
    """Replaces `file` with a new one that has its number: further files take the numbers that are free before it."""
    number = file.stat().st_ino
    file.unlink()
    for each in range(MOST_TRIES):
        other = file.with_name(f"other-{each}")
        other.write_text(text)
        if other.stat().st_ino == number:
            other.rename(file)
            return
    pytest.skip("this filesystem does not use inode numbers again")


def passed(path: Path) -> datetime:
    """A moment of the filesystem's clock after the last change of `path`, and after what was returned for it before.

    What changes afterwards has a later time, or the same one if the next change comes within one tick of this clock.
    """
    clock = path.parent.parent / "clock"
    start = max(each.stat().st_ctime_ns for each in (path, clock) if each.exists())
    while True:
        clock.write_text("tick")
        if clock.stat().st_ctime_ns > start:
            return datetime.fromtimestamp(clock.stat().st_ctime, UTC)


def needs_birth_times(file: Path) -> None:
    if birth_time(file) is None:
        pytest.skip("this filesystem has no birth times")


def test_birth_time_is_that_of_stat(file: Path) -> None:
    """https://www.gnu.org/software/coreutils/manual/html_node/stat-invocation.html"""
    for path in (file, Path("/proc/self"), Path("/")):
        shown = subprocess.check_output(["stat", "--dereference", "--format=%.9W", path], text=True)
        seconds, _, fraction = shown.strip().partition(".")
        known = birth_time(path)
        assert (known or 0) == (int(seconds) * 10**9 + int(fraction or 0) if seconds != "-" else 0), path
    assert birth_time(file.with_name("missing")) is None
    link = file.with_name("link")
    link.symlink_to(file)
    assert birth_time(link) == birth_time(file)


def test_file_with_a_used_number_is_another_one(file: Path, marks: ValueMarks) -> None:
    needs_birth_times(file)
    before = record(marks, [LiveFile(str(file), writable=True)])
    with_its_number(file, "two")
    assert other_versions(marks, before) == [str(file)]
    file.write_text("one")
    assert other_versions(marks, before) == [], "the same content"


def test_own_writes_keep_the_file(file: Path, marks: ValueMarks) -> None:
    before = record(marks, [LiveFile(str(file), writable=True)])
    file.write_text("two")
    assert other_versions(marks, before) == []


def test_record_of_an_earlier_updater_has_no_birth_time(file: Path, marks: ValueMarks) -> None:
    now = record(marks, [LiveFile(str(file), writable=True)])
    earlier = {path: {key: value for key, value in each.items() if key != "birth"} for path, each in now.items()}
    file.write_text("two")
    assert other_versions(marks, earlier) == []
    file.rename(file.with_suffix(".old"))
    file.write_text("three")
    assert other_versions(marks, earlier) == [str(file)]


def renamed_directory(file: Path) -> None:
    other = file.parent.with_name("other")
    file.parent.rename(other)
    (file.parent.with_name("prepared")).rename(file.parent)


def switched_link(file: Path) -> None:
    """As `ln -sfn` does: the name leads to a directory that was there before."""
    file.parent.rename(file.parent.with_name("other"))
    file.parent.symlink_to("prepared")


MOVES: dict[str, Callable[[Path], None]] = {"renamed directory": renamed_directory, "switched link": switched_link}


@pytest.mark.parametrize("writable", [True, False])
@pytest.mark.parametrize("move", MOVES)
def test_moved_directory_replaces_the_file(file: Path, move: str, writable: bool) -> None:
    """No time of the file itself changes then."""
    prepared = file.parent.with_name("prepared")
    prepared.mkdir()
    (prepared / file.name).write_text("two")
    moment = max(passed(prepared), passed(prepared / file.name))
    files = [LiveFile(str(file), writable=writable)]
    assert untouched_since(files, moment)
    passed(prepared)
    passed(prepared / file.name)
    MOVES[move](file)
    assert not untouched_since(files, moment)
    assert last_change(file) > moment.timestamp()


def test_new_file_beside_it_is_no_change(file: Path) -> None:
    moment = passed(file)
    passed(file)
    file.with_name("other.txt").write_text("one")
    assert untouched_since([LiveFile(str(file))], moment)


def test_new_file_with_the_name_of_a_writable_one(file: Path) -> None:
    """An adopted bot has no record of its files: only the birth time says that an editor replaced one."""
    needs_birth_times(file)
    moment, files = passed(file), [LiveFile(str(file), writable=True)]
    file.write_text("two")
    assert untouched_since(files, moment)
    passed(file)
    file.with_suffix(".new").write_text("three")
    file.with_suffix(".new").replace(file)
    assert not untouched_since(files, moment)
