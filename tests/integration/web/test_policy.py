"""The receiver ignores releases that the stack's policy refuses, and gives the reason."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from arq.connections import ArqRedis

from app.config.settings import WebSettings
from deploy.demo.clients import plain_client
from tests.integration.web.conftest import Listening, environ, listening
from tests.integration.web.deliveries import headers, release_body
from tests.unit.app.config.test_stack_file import content


@pytest.fixture
async def web(redis_url: str, namespace: str, pool: ArqRedis, tmp_path: Path) -> AsyncIterator[Listening]:
    """The web process of a stack that accepts only immutable releases by octocat."""
    file = tmp_path / "stack.yml"
    file.write_text(yaml.safe_dump(content(policy={"allowed_authors": ["octocat"], "require_immutable": True})))
    settings = WebSettings.from_environ(environ(redis_url, namespace, tmp_path) | {"UPDATER_STACK_FILE": str(file)})
    async with listening(settings, pool) as both:
        yield both


async def deliver(web: Listening, **change: Any) -> httpx.Response:
    release = {"id": 2, "tag_name": "v1.1.0", "draft": False, "prerelease": False, **change}
    body = release_body(release=release)
    async with plain_client() as github:
        return await github.post(f"{web.public}/webhooks/github", content=body, headers=headers(body))


async def test_release_that_fits_the_policy_is_accepted(web: Listening) -> None:
    answer = await deliver(web, author={"login": "Octocat"}, immutable=True)
    assert (answer.status_code, answer.json()["status"]) == (202, "accepted")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"author": {"login": "mallory"}, "immutable": True}, "the release's author is not in the stack file's"),
        ({"immutable": True}, "the release's author is not in the stack file's"),
        ({"author": {"login": "octocat"}, "immutable": False}, "the release is not immutable"),
        ({"author": {"login": "octocat"}}, "the release is not immutable"),
    ],
)
async def test_refused_release_is_ignored_not_recorded(web: Listening, change: dict[str, Any], reason: str) -> None:
    answer = await deliver(web, **change)
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert answer.json()["reason"].startswith(reason)
    assert await web.ledger.pending() == []
