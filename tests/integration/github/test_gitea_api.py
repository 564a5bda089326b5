"""The releases of a Gitea: `limit` with a cap of the server, no ETag, and a 307 after a rename."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from app.domain.acceptance.published import Published
from app.domain.errors import GitHubUnavailable
from app.domain.stack import GitHub
from workers.adapters.github_api.client import GithubkitApi

SAMPLE = json.loads((Path(__file__).parents[2] / "samples" / "gitea" / "release.published.json").read_text())
HERE = "/api/v1/repos/octo/shop"
DEFAULT_PAGE, TOKEN = 30, "a-token-of-the-tests"


class Gitea(ThreadingHTTPServer):
    """Answers as `routers/api/v1/repo/release.go` of Gitea does. `cap`: its `MAX_RESPONSE_ITEMS`."""

    daemon_threads = True

    def __init__(self, releases: int, cap: int) -> None:
        super().__init__(("127.0.0.1", 0), GiteaRequests)
        self.releases = [{**SAMPLE["release"], "id": n, "tag_name": f"v1.{n}.0"} for n in range(releases, 0, -1)]
        self.cap, self.html = cap, False
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api/v1"


class GiteaRequests(BaseHTTPRequestHandler):
    server: Gitea

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))
        parts = urlsplit(self.path)
        if self.server.html:
            self.answer(200, b"<!DOCTYPE html><html></html>")
        elif parts.path.startswith("/api/v1/repos/octo/old"):
            new = self.path.replace("octo/old", "octo/shop", 1)
            self.answer(307, b"", Location=new)
        elif parts.path == HERE:
            self.answer(200, json.dumps(SAMPLE["repository"]).encode())
        elif parts.path == f"{HERE}/releases":
            self.page({name: int(values[0]) for name, values in parse_qs(parts.query).items()})
        else:
            self.answer(404, b'{"message": "not found"}')

    def page(self, query: dict[str, int]) -> None:
        size, number = min(query.get("limit", DEFAULT_PAGE), self.server.cap), query.get("page", 1)
        found = self.server.releases[size * (number - 1) : size * number]
        more = size * number < len(self.server.releases)
        link = (
            f'<{self.server.url}/repos/octo/shop/releases?limit={size}&page={number + 1}>; rel="next"' if more else ""
        )
        self.answer(200, json.dumps(found).encode(), Link=link)

    def answer(self, status: int, content: bytes, **fields: str) -> None:
        self.send_response(status)
        for name, value in fields.items():
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing."""


@pytest.fixture
def gitea() -> Iterator[Gitea]:
    with Gitea(releases=45, cap=20) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def api_of(server: Gitea, name: str = "octo/shop") -> GithubkitApi:
    return GithubkitApi(lambda: name, GitHub(), api_url=server.url, token=TOKEN)


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
