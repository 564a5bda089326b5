"""Starts and controls the demo's GitHub: its releases, faults and failed deliveries, and the calls it got."""

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy.demo.clients import NO_TLS, Json
from deploy.demo.github.delivery import REPOSITORY
from deploy.demo.processes import free_port, running

TOKEN = "demo-github-token"
LOOPBACK = "127.0.0.1"
UP_SECONDS = 120.0
POLL_SECONDS = 0.05
CALL_SECONDS = 60


@dataclass(frozen=True)
class PublishedRelease:
    """A release on the demo's GitHub: its id, and when it was published, as GitHub's API has it ("" for a draft)."""

    id: int
    published_at: str


@dataclass(frozen=True)
class GitHubServer:
    """The demo's GitHub at `url`."""

    url: str

    def publish(self, tag: str, sha: str, **more: int) -> PublishedRelease:
        """Publishes a release of `tag` without a webhook. Its id is `number` if given.

        `draft`, `prerelease`: as in GitHub's form.
        """
        release = self._post("releases", {"tag": tag, "sha": sha, **more})
        return PublishedRelease(int(release["id"]), release["published_at"] or "")

    def withdraw(self, release_id: int, action: str = "deleted") -> None:
        """Takes a release back without a webhook: `deleted`, or `unpublished`, which makes it a draft."""
        self._post("withdrawals", {"number": release_id, "action": action})

    def weather(self, **weather: Any) -> None:
        """Sets the faults: see Weather. Without arguments, there are none."""
        self._post("weather", weather)

    def check(self, sha: str, name: str, result: str, *, suite: int = 1, link: str = "") -> None:
        """Gives the commit a check run with that result: a conclusion, `queued` or `in_progress`. See Checks."""
        self._post("checks", {"sha": sha, "name": name, "result": result, "suite": suite, "link": link})

    def commit_status(self, sha: str, context: str, state: str, link: str = "") -> None:
        """Gives the commit a commit status."""
        self._post("checks", {"sha": sha, "name": context, "result": state, "status": True, "link": link})

    def hook(self, url: str) -> None:
        """Gives the repository a webhook to `url`."""
        self._post("hook", {"url": url})

    def delivered(self, guid: str, status: int = 502, action: str = "published") -> None:
        """Adds a delivery of that webhook that was answered with `status`."""
        self._post("deliveries", {"guid": guid, "status": status, "action": action})

    def calls(self, method: str = "", ending: str = "") -> list[Json]:
        """Returns the API calls, oldest first."""
        return [c for c in self._seen()["calls"] if c["method"].startswith(method) and c["path"].endswith(ending)]

    def used(self) -> int:
        """Returns how many calls counted against the rate limit."""
        return int(self._seen()["used"])

    def deployments(self) -> list[Json]:
        """Returns the deployments, oldest first."""
        return list(reversed(self._seen()["deployments"]))

    def states(self) -> dict[str, list[str]]:
        """Returns the states of each tag's deployments, oldest first."""
        found: dict[str, list[str]] = {}
        for deployment in self.deployments():
            states = [status["state"] for status in reversed(deployment["states"])]
            found.setdefault(str(deployment["payload"]["tag"]), []).extend(states)
        return found

    def _post(self, what: str, body: Json) -> Json:
        with self._client() as client:
            content: Json = client.post(f"/_control/{what}", json=body).raise_for_status().json()
        return content

    def _seen(self) -> Json:
        with self._client() as client:
            content: Json = client.get("/_control/seen").raise_for_status().json()
        return content

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, verify=NO_TLS, timeout=CALL_SECONDS)


@contextlib.contextmanager
def github_server(
    log: Path,
    repository: str = REPOSITORY,
    port: int | None = None,
    *,
    bind: str = LOOPBACK,
    address: str = LOOPBACK,
    entering: Sequence[str] = (),
) -> Iterator[GitHubServer]:
    """Runs the server in a separate process. Raises TimeoutError if it does not start within UP_SECONDS.

    `entering`: the beginning of a command that runs in another network, in which it listens on `bind`. This process
    reaches it at `address`.
    """
    port = port or free_port()
    command = [*entering, sys.executable, "-m", "deploy.demo.github.server", str(port), repository, bind]
    with running(command, {"GITHUB_TOKEN": TOKEN}, log):
        server = GitHubServer(f"http://{address}:{port}")
        _wait_until_up(server, log)
        yield server


def _wait_until_up(server: GitHubServer, log: Path) -> None:
    deadline = time.monotonic() + UP_SECONDS
    while True:
        with contextlib.suppress(httpx.HTTPError):
            server.used()
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"the demo's GitHub did not start:\n{log.read_text()[-2000:]}")
        time.sleep(POLL_SECONDS)
