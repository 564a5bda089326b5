# ruff: noqa: ASYNC240 - a test may block
import json
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.deployment import DeploymentOutcome, Outbox, ReportedDeployment
from tests.examples import NOW
from workers.adapters.github_api.outbox import FileOutbox

LATER = NOW + timedelta(days=1)
FIRST = ReportedDeployment("r-1", "v1.0.0", "abc", 7, DeploymentOutcome.SUCCESS)
SECOND = ReportedDeployment("r-2", "v1.1.0", tried_at=NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "github.json"


async def test_reported_deployments_survive_a_restart(path: Path) -> None:
    await FileOutbox(path, NOW).keep(Outbox(NOW, (FIRST, SECOND)))
    assert FileOutbox(path, LATER).content == Outbox(NOW, (FIRST, SECOND))


async def test_deployment_of_another_version_is_left_out(path: Path) -> None:
    """The others are not created twice, and the file is kept for the other version."""
    await FileOutbox(path, NOW).keep(Outbox(NOW, (FIRST, SECOND)))
    content = json.loads(path.read_bytes())
    content["told"].insert(1, {"rollout_id": "r-9", "tag": "v9.0.0", "outcome": "destroyed"})
    path.write_text(json.dumps(content))
    assert FileOutbox(path, LATER).content == Outbox(NOW, (FIRST, SECOND))
    assert json.loads((path.with_name("github.json.unreadable")).read_bytes()) == content


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"told": []}', b'{"since": "today", "told": [1]}'])
def test_unreadable_file_starts_over(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert FileOutbox(path, LATER).content == Outbox(LATER)
