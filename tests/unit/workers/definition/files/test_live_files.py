"""Which files of the host a container mounts, and when they count as changed."""

from typing import Any

import pytest

from workers.definition.files.live_files import (
    ALWAYS_WRITTEN,
    LiveFile,
    but_in,
    differing,
    identity,
    mounted_by,
    recorded,
    with_record,
)

SERVICE: dict[str, Any] = {
    "labels": {},
    "volumes": [
        {"type": "bind", "source": "/live/a", "read_only": True},
        {"type": "bind", "source": "/live/b$$"},
        {"type": "volume", "source": "data"},
        {"type": "tmpfs", "target": "/cache"},
    ],
    "secrets": [{"source": "key"}, {"source": "value"}],
    "configs": [{"source": "site"}],
    "build": {"secrets": [{"source": "netrc"}]},
}
MODEL: dict[str, Any] = {
    "services": {"bot": SERVICE},
    "secrets": {"key": {"file": "/live/key"}, "value": {"environment": "V"}, "netrc": {"file": "/live/netrc"}},
    "configs": {"site": {"file": "/live/site"}, "unused": {"file": "/live/unused"}},
}


def test_every_mounted_file_is_found() -> None:
    found = {file.path: file.writable for file in mounted_by(MODEL, "bot")}
    assert found == {"/live/a": False, "/live/b$": True, "/live/key": False, "/live/netrc": False, "/live/site": False}


def test_kept_copies_and_logs_do_not_count() -> None:
    paths = ["/live/a", "/live/files/x", "/other/a", "/lively", "/var/log/syslog", "/proc/1/environ"]
    left = but_in(map(LiveFile, paths), "/live/files", *ALWAYS_WRITTEN)
    assert [f.path for f in left] == ["/live/a", "/other/a", "/lively"]


def test_file_below_a_relabeled_directory_is_relabeled() -> None:
    cache = {"volumes": [{"type": "bind", "source": "/live/a", "bind": {"selinux": "Z"}}, {"type": "tmpfs"}]}
    found = mounted_by({**MODEL, "services": {"bot": SERVICE, "cache": cache}}, "bot")
    assert [file.path for file in found if file.relabeled] == ["/live/a"]


def test_record_survives_the_labels() -> None:
    record = {"/live/b$": {"mark": "1", "inode": "2:3"}}
    labels = with_record(SERVICE, record)["labels"]
    assert recorded(labels) == record
    assert recorded({key: value.replace("$$", "$") for key, value in labels.items()}) == record, "of the container"
    assert recorded({}) is None


@pytest.mark.parametrize(
    ("now", "changed"),
    [
        ({"mark": "1"}, False),
        ({"mark": "2"}, True),
        ({"mark": "1", "inode": "other"}, False),
        ({"mark": "2", "inode": "same"}, False),
        ({"mark": "2", "inode": "other"}, True),
    ],
)
def test_file_is_changed_if_its_container_does_not_see_it(now: dict[str, str], changed: bool) -> None:
    before = {"/f": {"mark": "1", **({"inode": "same"} if "inode" in now else {})}}
    assert differing(before, {"/f": now}) == (["/f"] if changed else [])
    assert differing({}, {"/f": now}) == ["/f"]


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [
        ("1", "1", False),
        ("1", "2", True),
        (None, "1", False),
        ("1", None, False),
        (None, None, False),
    ],
    ids=["written", "replaced", "earlier-updater", "earlier-kernel", "no-birth-times"],
)
def test_birth_time_counts_if_both_have_one(before: str | None, now: str | None, changed: bool) -> None:
    def file(mark: str, birth: str | None) -> dict[str, str]:
        return {"mark": mark, "inode": "2:3", **({} if birth is None else {"birth": birth})}

    assert differing({"/f": file("1", before)}, {"/f": file("2", now)}) == (["/f"] if changed else [])
    assert (identity(file("1", before)) != identity(file("2", now))) == (before != now)


def test_used_inode_on_another_device_is_another_file() -> None:
    """A snapshot has the inodes and birth times of what it was made from."""
    before, now = ({"mark": mark, "inode": f"{mark}:3", "birth": "1"} for mark in "12")
    assert differing({"/f": before}, {"/f": now}) == ["/f"]
