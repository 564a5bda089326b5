from pathlib import Path

import pytest

from deploy.bench.rollout.commands import Commands
from deploy.bench.rollout.stack import BY_HAND_FILE, write
from deploy.demo.repository import DemoRepository


def test_each_release_is_checked_out_in_one_clone(tmp_path: Path) -> None:
    repository = DemoRepository(tmp_path / "repository")
    commands = Commands(repository.url, tmp_path / "clone", BY_HAND_FILE, "bench", "unix:///none", tmp_path / ".env")
    seen = []
    for tag in ("hand-0", "hand-1"):
        repository.release(tag, edit=write(1))
        commands.check_out(tag)
        seen.append((commands.place / "api" / "VERSION").read_text())
    assert seen == ["hand-0\n", "hand-1\n"]
    assert (commands.place / BY_HAND_FILE).exists()


def test_failing_command_is_named_with_its_output(tmp_path: Path) -> None:
    commands = Commands(str(tmp_path / "none"), tmp_path / "clone", "x.yml", "bench", "unix:///none", tmp_path / ".env")
    with pytest.raises(RuntimeError, match=r"git clone .* failed:\n.*does not exist"):
        commands.check_out("v1.0.0")
