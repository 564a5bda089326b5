import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.demo.distribution.packages import APT_LOCK_SECONDS
from deploy.demo.docker.engine import (
    OWN_ENGINE,
    EngineUnavailable,
    answering,
    apt_install,
    docker_engine,
    exit_on_sigterm,
)
from deploy.demo.processes import ROOT

UNWINDS = f"""
from {exit_on_sigterm.__module__} import {exit_on_sigterm.__name__}

{exit_on_sigterm.__name__}()
try:
    print("ready", flush=True)
    while True:  # unlike pause(), it cannot miss a signal that arrives just before it
        pass
finally:
    print("ended what was started", flush=True)
"""
LIMIT = 120.0
INSTALL = f"install --yes --no-install-recommends -o DPkg::Lock::Timeout={APT_LOCK_SECONDS} mmdebstrap"


def test_sigterm_unwinds_the_stack() -> None:
    with subprocess.Popen([sys.executable, "-c", UNWINDS], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=LIMIT)[0] == "ended what was started\n"
    assert process.returncode == 128 + signal.SIGTERM


def test_missing_socket_is_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    assert answering() is None


def test_socket_without_a_listener_is_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(tmp_path / "docker.sock"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    assert answering() is None


def test_missing_engine_and_root_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.delenv(OWN_ENGINE, raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EngineUnavailable, match=r"needs root.*apt-get install docker\.io.*or set DOCKER_HOST"):
        docker_engine(lambda _: None).__enter__()


def test_missing_apt_names_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match=r"iptables, iproute2 is missing and there is no apt-get\. Install it"):
        apt_install(["iptables", "iproute2"], lambda _: None)


def apt_get(directory: Path, script: str) -> Path:
    """A fake apt-get that records its arguments in `directory`/asked."""
    tool = directory / "apt-get"
    tool.write_text(f'#!/bin/sh\necho "$*" >> {directory}/asked\n{script}\n')
    tool.chmod(0o755)
    return directory / "asked"


def test_failed_install_reports_apts_last_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = apt_get(tmp_path, "echo 'E: Unable to locate package' >&2; exit 100")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match="E: Unable to locate package"):
        apt_install(["mmdebstrap"], lambda _: None)
    assert asked.read_text().splitlines() == [INSTALL, "update", INSTALL]


def test_successful_install_skips_the_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = apt_get(tmp_path, "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    messages: list[str] = []
    apt_install(["mmdebstrap"], messages.append)
    assert asked.read_text().splitlines() == [INSTALL]
    assert messages == ["installing mmdebstrap from the distribution"]
