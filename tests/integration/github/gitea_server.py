"""A Gitea's API, over real HTTP, written from its sources."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from app.domain.stack import GitHub
from workers.adapters.github_api.client import GithubkitApi

SAMPLE = json.loads((Path(__file__).parents[2] / "samples" / "gitea" / "release.published.json").read_text())
HERE = "/api/v1/repos/octo/shop"
DEFAULT_PAGE, TOKEN = 30, "a-token-of-the-tests"


class Gitea(ThreadingHTTPServer):
    """Answers as `release.go`, `tag.go` and `status.go` in `routers/api/v1/repo` of Gitea do.

    `cap`: its `MAX_RESPONSE_ITEMS`. `old`: no status is an empty body. `listless`: the combined status
    counts the statuses and does not list them. `refusal`: the HTTP status of every answer about commits.
    """

    daemon_threads = True

    def __init__(self, releases: int, cap: int) -> None:
        super().__init__(("127.0.0.1", 0), GiteaRequests)
        self.releases = [{**SAMPLE["release"], "id": n, "tag_name": f"v1.{n}.0"} for n in range(releases, 0, -1)]
        self.cap, self.html = cap, False
        self.asked: list[tuple[str, str | None]] = []
        self.tags: dict[str, str] = {}
        self.old, self.listless = False, False
        self.refusal: int | None = None
        self._statuses: dict[str, list[dict[str, Any]]] = {}

    @property
    def url(self) -> str:
        return f"{self.origin}/api/v1"

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def post_status(self, sha: str, context: str, state: str, *, workflow: str = "", link: str = "") -> None:
        """The latest of a context and workflow file counts, as `context_hash` in `models/git/commit_status.go`."""
        each = self._statuses.setdefault(sha, [])
        status = {
            "id": 1 + max((s["id"] for s in each), default=0),
            "status": state,
            "target_url": link,
            "description": "",
            "url": f"{self.url}/repos/octo/shop/statuses/{sha}",
            "context": context,
            "creator": None,
            "created_at": "2025-06-01T09:00:00Z",
            "updated_at": "2025-06-01T09:00:00Z",
            "workflow": workflow,
        }
        each[:] = [s for s in each if (s["context"], s["workflow"]) != (context, workflow)]
        each.insert(0, status)

    def combined(self, sha: str, size: int, number: int) -> bytes:
        """`CombinedStatus` in `modules/structs/status.go`: `total_count` is of the page."""
        page = self._statuses.get(sha, [])[size * (number - 1) : size * number]
        if not page and self.old:
            return b""
        fields = [{name: value for name, value in status.items() if name != "workflow"} for status in page]
        body = {
            "state": "pending" if page else "",
            "sha": sha if page else "",
            "total_count": len(page),
            "statuses": fields if page and not self.listless else None,
            "repository": SAMPLE["repository"] if page else None,
            "commit_url": "",
            "url": "",
        }
        return json.dumps(body).encode()


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
            self.page(self.query())
        elif parts.path.startswith(f"{HERE}/releases/"):
            number = int(parts.path.rpartition("/")[2])
            found = {release["id"]: release for release in self.server.releases}.get(number)
            self.answer(200 if found else 404, json.dumps(found or {"message": "not found"}).encode())
        else:
            self.about_commits(parts.path.removeprefix(HERE))

    def about_commits(self, path: str) -> None:
        refusal = self.server.refusal
        if refusal:
            self.answer(refusal, b'{"message": "token does not have at least one of required scope(s)"}')
        elif path.startswith("/tags/") and (sha := self.server.tags.get(unquote(path.removeprefix("/tags/")))):
            tag = {
                "name": unquote(path.removeprefix("/tags/")),
                "message": "",
                "id": "f" * 40,
                "commit": {"sha": sha, "url": ""},
            }
            self.answer(200, json.dumps(tag).encode())
        elif path.startswith("/commits/") and path.endswith("/status"):
            size, number = self.asked_page(self.query())
            self.answer(200, self.server.combined(path.split("/")[2], size, number))
        else:
            self.answer(404, b'{"message": "not found"}')

    def query(self) -> dict[str, int]:
        return {name: int(values[0]) for name, values in parse_qs(urlsplit(self.path).query).items()}

    def asked_page(self, query: dict[str, int]) -> tuple[int, int]:
        return min(query.get("limit", DEFAULT_PAGE), self.server.cap), query.get("page", 1)

    def page(self, query: dict[str, int]) -> None:
        size, number = self.asked_page(query)
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


@contextmanager
def running_gitea(releases: int, cap: int) -> Iterator[Gitea]:
    with Gitea(releases, cap) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def api_of(server: Gitea, name: str = "octo/shop") -> GithubkitApi:
    return GithubkitApi(lambda: name, GitHub(), api_url=server.url, token=TOKEN)
