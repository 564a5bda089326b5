import os
import time
from pathlib import Path

from workers.adapters.disk.data_directory import STAGED_SECONDS, DataDirectory
from workers.adapters.disk.rollout_logs import RolloutLogs
from workers.ports.storage import Use

KIB = 1024
FILES = {
    "logs/r-1.log": 100 * KIB,
    "logs/r-1.log.1": 100 * KIB,
    "history.jsonl": 50 * KIB,
    "git/mirror.git/objects/pack/one.pack": 300 * KIB,
    "git/trees/abc/deep/er/app.py": 400 * KIB,
    "releases/abc/compose.json": 20 * KIB,
    "files/abc/site.conf": 30 * KIB,
    "updater-state.json": 10 * KIB,
    "succession/r-1/new/compose.json": 10 * KIB,
}
DIRECTORY_BYTES = 32 * KIB
"""The most that the directories of one use need by themselves."""


def data(directory: Path) -> DataDirectory:
    for name, size in FILES.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    return DataDirectory(directory, RolloutLogs(directory / "logs"))


def test_use_is_measured_for_each_purpose(tmp_path: Path) -> None:
    used = data(tmp_path).used()
    expected = {Use.LOGS: 200, Use.HISTORY: 50, Use.MIRROR: 300, Use.TREES: 400, Use.DEFINITIONS: 20}
    expected |= {Use.FILES: 30, Use.OTHER: 20}
    assert used.keys() == expected.keys()
    for use, size in expected.items():
        assert size * KIB <= used[use] <= size * KIB + DIRECTORY_BYTES, use


def test_use_behind_a_symbolic_link_is_measured(tmp_path: Path) -> None:
    expected = data(tmp_path / "real").used()
    (tmp_path / "link").symlink_to("real")
    assert DataDirectory(tmp_path / "link", RolloutLogs(tmp_path / "link" / "logs")).used() == expected


def test_missing_directory_uses_nothing(tmp_path: Path) -> None:
    assert set(DataDirectory(tmp_path / "none", RolloutLogs(tmp_path / "none" / "logs")).used().values()) == {0}


def test_link_out_of_the_directory_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere").write_bytes(os.urandom(500 * KIB))
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")
    directory = DataDirectory(tmp_path / "data", RolloutLogs(tmp_path / "data" / "logs"))
    assert directory.used()[Use.OTHER] <= DIRECTORY_BYTES


def test_prune_deletes_only_old_staging_files(tmp_path: Path) -> None:
    directory = data(tmp_path)
    old = time.time() - STAGED_SECONDS - 60
    for name in (".updater-state.json.17.3", "releases/abc/.compose.json.17.0", "git/trees/abc/.staged.1.1"):
        (tmp_path / name).write_bytes(b"1234")
        os.utime(tmp_path / name, (old, old))
    (tmp_path / ".updater-state.json.18.4").touch()
    assert directory.prune([]) == 8
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {*FILES, ".updater-state.json.18.4", "git/trees/abc/.staged.1.1"}


def test_prune_deletes_old_logs(tmp_path: Path) -> None:
    data(tmp_path)
    directory = DataDirectory(tmp_path, RolloutLogs(tmp_path / "logs", all_bytes=10))
    assert directory.prune(["r-1"]) == 0
    assert directory.prune([]) == 200 * KIB
