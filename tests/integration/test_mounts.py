"""A directory that is kept in memory for a while: what needs no disk is not written to one."""

import errno
import os
from pathlib import Path

import pytest

from deploy.demo.docker.mounts import in_memory

SIZE = 1 << 20
MORE_THAN_ANY_MACHINE_HAS = 1 << 50


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_directory_in_memory_is_bounded_and_dropped(tmp_path: Path) -> None:
    with in_memory(tmp_path, SIZE) as mounted:
        assert mounted
        (tmp_path / "kept").write_text("text")
        assert tmp_path.is_mount()
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)), (tmp_path / "large").open("wb") as large:
            large.write(bytes(2 * SIZE))
    assert not tmp_path.is_mount()
    assert list(tmp_path.iterdir()) == []


def test_directory_stays_on_disk_if_memory_is_short(tmp_path: Path) -> None:
    with in_memory(tmp_path, MORE_THAN_ANY_MACHINE_HAS) as mounted:
        assert not mounted
        (tmp_path / "kept").write_text("text")
        assert not tmp_path.is_mount()
    assert (tmp_path / "kept").read_text() == "text"
