from pathlib import Path

import pytest

from deploy.demo.docker.engine import EngineUnavailable
from deploy.demo.pictures.chromium import chromium_program


def test_missing_chromium_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match="Chromium is missing"):
        chromium_program(print, install=False)


def test_installed_chromium_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "google-chrome"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert chromium_program(print, install=False) == program
