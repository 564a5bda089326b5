"""The GitHub of the demo, started and staged: releases, weather, failed deliveries, and what it was told."""

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy.demo.clients import NO_TLS
from deploy.demo.github import REPOSITORY
from deploy.demo.processes import free_port, running

TOKEN = "demo-github-token"
UP_SECONDS = 30.0
POLL_SECONDS = 0.05
CALL_SECONDS = 10

Json = dict[str, Any]


@dataclass(frozen=True)
class GitHubServer:
    """A GitHub that runs at `url`."""

    url: str

    def publish(self, tag: str, sha: str, **more: int) -> int:
        """Publishes a release of `tag`; its id, which is `number` where one is given. Nobody is told.

        `draft`, `prerelease`: as in GitHub's form.
        """
        return int(self._post("releases", {"tag": tag, "sha": sha, **more})["id"])

    def weather(self, **weather: Any) -> None:
        """See Weather; nothing named: it is fine again."""
        self._post("weather", weather)

    def hook(self, url: str) -> None:
        """The repository has a webhook to `url`."""
        self._post("hook", {"url": url})

    def delivered(self, guid: str, status: int = 502, action: str = "published") -> None:
        """A delivery of that hook was answered `status`."""
        self._post("deliveries", {"guid": guid, "status": status, "action": action})

    def calls(self, method: str = "", ending: str = "") -> list[Json]:
        """What was asked of the API, the oldest first."""
        return [c for c in self._seen()["calls"] if c["method"].startswith(method) and c["path"].endswith(ending)]

    def used(self) -> int:
        """How many calls counted against the rate limit."""
        return int(self._seen()["used"])

    def deployments(self) -> list[Json]:
        """The oldest first."""
        return list(reversed(self._seen()["deployments"]))

    def states(self) -> dict[str, list[str]]:
        """By tag the states that its deployments were given, the oldest first."""
        found: dict[str, list[str]] = {}
        for deployment in self.deployments():
            states = [status["state"] for status in reversed(deployment["states"])]
            found.setdefault(str(deployment["payload"]["tag"]), []).extend(states)
        return found

    def _post(self, what: str, body: Json) -> Json:
        with self._client() as client:
            said: Json = client.post(f"/_control/{what}", json=body).raise_for_status().json()
        return said

    def _seen(self) -> Json:
        with self._client() as client:
            said: Json = client.get("/_control/seen").raise_for_status().json()
        return said

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, verify=NO_TLS, timeout=CALL_SECONDS)


@contextlib.contextmanager
def github_server(log: Path, repository: str = REPOSITORY, port: int | None = None) -> Iterator[GitHubServer]:
    """A server of its own process. Raises TimeoutError when it is not up within UP_SECONDS."""
    port = port or free_port()
    command = [sys.executable, "-m", "deploy.demo.github_server", str(port), repository]
    with running(command, {"GITHUB_TOKEN": TOKEN}, log):
        server = GitHubServer(f"http://127.0.0.1:{port}")
        _wait_until_up(server, log)
        yield server


def _wait_until_up(server: GitHubServer, log: Path) -> None:
    deadline = time.monotonic() + UP_SECONDS
    while True:
        with contextlib.suppress(httpx.HTTPError):
            server.used()
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"the GitHub of the demo did not come up:\n{log.read_text()[-2000:]}")
        time.sleep(POLL_SECONDS)
