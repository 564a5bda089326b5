"""Stack files for Compose projects without colors: the right roles, and a plan without a surprise. Real Compose."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import docker
import pytest

from app.cli.errors import Refused
from app.domain.stack import Color
from tests.integration.cli.newcomer import NAMES, NEWCOMERS, Newcomer, newcomer
from tests.integration.compose.read_release import SHA, release_reader
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.compose.release_reader import ReadRelease
from workers.definition.changes.comparison import compare
from workers.definition.live_model import as_it_runs
from workers.ports import Stamp

SECONDS = 60
ROUTED = [name for name in NEWCOMERS if name != "gallery"]
NEED_COMPOSE = {"forms", "surveys", "tickets"}
"""A variable in a label, `extends` of another file, and a second file: only Compose knows what they say."""

WITH_COMPOSE: dict[str, str] = {}
ALONE = {"UPDATER_COMPOSE": "false"}
EVERY = [
    *(pytest.param(name, WITH_COMPOSE, id=name) for name in ROUTED),
    *(pytest.param(name, ALONE, id=f"{name} alone") for name in ROUTED if name not in NEED_COMPOSE),
]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[docker.DockerClient]:
    """An engine that does not answer: nothing here needs one."""
    client = docker.DockerClient(base_url=f"unix://{tmp_path}/none.sock", version="1.41")
    yield client
    client.close()


async def read(sample: Newcomer, home: Path, client: docker.DockerClient) -> ReadRelease:
    """The release in a tree of its own: what git knows of the live directory."""
    tree = home / "trees" / SHA
    shutil.copytree(sample.live, tree, ignore=shutil.ignore_patterns(".git", ".env", "secrets", "data"))
    stack = sample.stack()
    reader = release_reader(Compose(find_compose(), stack.project, None), stack, tree, client)
    return await reader.read(tree, Stamp("v1.1.0", SHA, "r-1"), None)


def checked(model: dict[str, Any], directory: Path) -> None:
    """Fails if Compose rejects `model`."""
    (directory / "compose.json").write_text(json.dumps(model))
    command = [*find_compose(), "--file", str(directory / "compose.json"), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stderr


def assert_expected(found: Sequence[str], expected: list[str]) -> None:
    """Each text has its own beginning in `expected`, in any order."""
    assert [text for text in found if not text.startswith(tuple(expected))] == []
    assert [start for start in expected if not any(text.startswith(start) for text in found)] == []


def test_there_are_enough_samples() -> None:
    assert len(NEWCOMERS) >= 20


@pytest.mark.parametrize(("name", "environ"), EVERY)
def test_init_gives_each_service_its_role(tmp_path: Path, name: str, environ: dict[str, str]) -> None:
    sample = newcomer(name, tmp_path)
    written = sample.init(**environ)
    assert set(written.notes.questions) == set(sample.questions)
    content = sample.answered()
    assert sample.stack().repository == f"octo/{name}"
    found = {key: content[key] for key in NAMES if content.get(key)}
    found["before_flip"] = [each["service"] for each in content.get("before_flip", ())]
    expected = {key: sample.expected[key] for key in NAMES if sample.expected.get(key)}
    for key in ("singletons", "followers"):
        found[key] = {each: value["service"] for each, value in content.get(key, {}).items()}
    assert {key: value for key, value in found.items() if value} == expected
    assert content["traefik"]["entrypoints"] == sample.expected["entrypoints"]
    assert content["compose_files"] == sample.expected.get("compose_files", content["compose_files"][:1])
    assert content["directory"] == str(sample.live)


@pytest.mark.parametrize("name", ROUTED)
async def test_plan_of_the_proposal_has_no_surprise(tmp_path: Path, name: str, client: docker.DockerClient) -> None:
    sample = newcomer(name, tmp_path)
    written = sample.init()
    sample.add_traefik(written)
    found, stack = await read(sample, tmp_path, client), sample.stack()
    assert found.problems == ()
    assert_expected(found.warnings, sample.expected.get("warnings", []))
    compared = compare(found.model, None, stack, tree=str(tmp_path / "trees" / SHA))
    assert_expected(compared.callers, sample.expected.get("callers", []))
    checked(found.model, tmp_path)
    for color in Color:
        running = dict.fromkeys(stack.uncolored, "r-1")
        checked(as_it_runs(found.model, None, stack, color, running, sha=SHA), tmp_path)


def test_service_that_speaks_no_http_is_refused(tmp_path: Path) -> None:
    sample = newcomer("gallery", tmp_path)
    with pytest.raises(Refused) as refused:
        sample.init()
    assert str(refused.value).startswith(sample.expected["refused"])
    assert not sample.stack_file.exists()
