"""The releases of the fault table: a service that runs with another release's files ends, and says so."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.faults.releases.own_files import CONFIG, MOUNTED, WithOwnFiles
from tests.unit.demo.services import LIMIT, VERSION, printed_value, service

NAMED = {"skills-blue", "skills-green", "api-blue", "api-green", "bot"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    repository = WithOwnFiles(tmp_path / "repository")
    repository.release(VERSION)
    return repository.path


def with_files(tree: Path, tmp_path: Path, **version: str) -> dict[str, str]:
    """What a container of `tree` would have: its files are in `tmp_path`, and its variable is in the returned ones."""
    written = {"mounted": VERSION, "config": VERSION, "RELEASE": VERSION} | version
    for name, path in (("mounted", MOUNTED), ("config", CONFIG)):
        (tmp_path / name).write_text(written[name])
        for file in (tree / "common" / "http_service.py", tree / "bot" / "bot.py"):
            file.write_text(file.read_text().replace(path, str(tmp_path / name)))
    return {"RELEASE": written["RELEASE"], "PYTHONPATH": str(tree / "common"), "PORT": "0"}


def test_each_service_has_own_files(tree: Path) -> None:
    model: dict[str, Any] = yaml.safe_load((tree / "docker-compose.yml").read_text())
    assert {name for name, of in model["services"].items() if of.get("env_file") and of.get("configs")} == NAMED
    assert {source for of in model["configs"].values() for source in of.values()} == {
        f"./{name}/config" for name in ("skills", "api", "bot")
    }


def test_unchanged_service_keeps_its_files(tmp_path: Path) -> None:
    repository = WithOwnFiles(tmp_path / "repository")
    repository.release("v1.0.0")
    repository.release("v1.1.0", change=["skills"])
    found = {name: (repository.path / name / "mounted").read_text() for name in ("skills", "api", "bot")}
    assert found == {"skills": "v1.1.0\n", "api": "v1.0.0\n", "bot": "v1.0.0\n"}


async def test_service_with_own_files_starts(tree: Path, tmp_path: Path) -> None:
    env = with_files(tree, tmp_path)
    async with service(str(tree / "skills" / "app.py"), tmp_path, **env) as process:
        assert await printed_value(process, "listening")


@pytest.mark.parametrize("script", ["skills/app.py", "api/app.py", "bot/bot.py"])
@pytest.mark.parametrize("stale", ["mounted", "config", "RELEASE"])
async def test_service_with_stale_files_ends(tree: Path, tmp_path: Path, script: str, stale: str) -> None:
    env = with_files(tree, tmp_path, **{stale: "v0.1.0"})
    async with service(str(tree / script), tmp_path, **env) as process:
        async with asyncio.timeout(LIMIT):
            assert await process.wait() == 1
