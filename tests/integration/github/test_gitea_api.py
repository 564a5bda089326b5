"""The releases of a Gitea: `limit` with a cap of the server, no ETag, and a 307 after a rename."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from app.domain.acceptance.published import Published
from app.domain.errors import GitHubUnavailable
from tests.integration.github.gitea_server import TOKEN, Gitea, api_of, running_gitea
from workers.adapters.github_api.client import GithubkitApi


@pytest.fixture
def gitea() -> Iterator[Gitea]:
    with running_gitea(releases=45, cap=20) as server:
        yield server


async def all_of(api: GithubkitApi) -> list[Published]:
    return [published async for page in api.releases() for published in page]


async def test_all_pages_are_read_despite_the_cap(gitea: Gitea) -> None:
    found = await all_of(api_of(gitea))
    assert [published.event.tag for published in found] == [f"v1.{n}.0" for n in range(45, 0, -1)]
    assert found[0].event.key == "12:45"
    assert found[0].at == datetime(2025, 6, 1, 9, tzinfo=UTC)
    assert {authorization for _, authorization in gitea.asked} == {f"token {TOKEN}"}


async def test_renamed_repository_is_found(gitea: Gitea) -> None:
    found = await all_of(api_of(gitea, "octo/old"))
    assert (len(found), found[0].event.repository) == (45, "octo/shop")


async def test_deliveries_are_not_asked_for(gitea: Gitea) -> None:
    """A Gitea has no list of them."""
    assert await api_of(gitea).failed_deliveries(datetime(2025, 1, 1, tzinfo=UTC)) == []
    assert gitea.asked == []


async def test_answer_that_is_no_api_names_the_path(gitea: Gitea) -> None:
    gitea.html = True
    with pytest.raises(GitHubUnavailable, match=r"Is GITHUB_API_URL .* ends with /api/v1"):
        await all_of(api_of(gitea))
