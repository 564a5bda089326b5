"""A private repository is read with a token that no other user of the machine or the network can see."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.config.settings import WorkerSettings
from app.domain.errors import GitFailed
from tests.examples import a_stack
from tests.integration.git.private_git import (
    PAIR,
    TOKEN,
    Onlooker,
    PrivateGit,
    certificate,
    mirror_that_trusts,
    need_private_git,
    serving,
)
from tests.integration.git.repositories import Repository, git
from workers.adapters.git_repo.mirror import GitSource
from workers.wiring import source_of

LIMIT = 120.0
TAG = "v1.0.0"
SECRETS = (TOKEN, PAIR)


@dataclass(frozen=True)
class PrivateHost:
    """The server, its certificate, and where the updater keeps its mirror."""

    server: PrivateGit
    certificate: Path
    directory: Path

    @property
    def url(self) -> str:
        return f"{self.server.url}/shop/.git"

    def source(self, token: str | None = TOKEN, url: str | None = None) -> GitSource:
        return GitSource(url or self.url, self.directory, LIMIT, token=token)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[PrivateHost]:
    need_private_git()
    repository = Repository(tmp_path / "served" / "shop")
    repository.commit({"app.py": "print('one')\n"})
    repository.tag(TAG, "--annotate")
    trusted = certificate(tmp_path)
    mirror_that_trusts(trusted, tmp_path / "git")
    with serving(PrivateGit(tmp_path / "served", trusted, f"Basic {PAIR}")) as server:
        yield PrivateHost(server, trusted, tmp_path / "git")


async def test_a_token_opens_a_private_repository(host: PrivateHost, tmp_path: Path) -> None:
    source = host.source()
    assert await source.find(TAG)
    sha = await source.fetch(TAG)
    assert sha == git(tmp_path / "served" / "shop", "rev-parse", "HEAD")
    assert ((await source.checkout(sha)) / "app.py").read_text() == "print('one')\n"
    assert set(host.server.authorizations) == {f"Basic {PAIR}"}, "even the first request has the token"


async def test_github_token_goes_only_to_its_api_host(host: PrivateHost) -> None:
    environ = {"REDIS_URL": "redis://h", "UPDATER_TRAEFIK_DYNAMIC_PATH": "/routes", "GITHUB_TOKEN": TOKEN}
    environ |= {"UPDATER_DATA_DIR": str(host.directory.parent), "GITHUB_API_URL": f"{host.server.url}/api/v3"}
    settings = WorkerSettings.from_environ(environ)
    assert await source_of(settings, a_stack(source=host.url)).fetch(TAG)
    elsewhere = WorkerSettings.from_environ(environ | {"GITHUB_API_URL": "https://api.github.com"})
    with pytest.raises(GitFailed):
        await source_of(elsewhere, a_stack(source=host.url)).fetch(TAG)
    assert set(host.server.authorizations) == {f"Basic {PAIR}", None}


async def test_token_is_in_no_command_line_or_mirror(host: PrivateHost) -> None:
    """The server answers only after the onlooker has seen git's command line, so that the test cannot miss it."""
    for ask in (host.source().find, host.source().fetch):
        with Onlooker() as onlooker:
            host.server.before = onlooker.wait
            await ask(TAG)
        assert any(host.url in line for line in onlooker.seen)
        assert not [line for line in onlooker.seen for secret in SECRETS if secret in line]
    kept = [file for file in host.directory.rglob("*") if file.is_file()]
    assert kept
    assert not [file for file in kept for secret in SECRETS if secret.encode() in file.read_bytes()]


@pytest.mark.parametrize("written", ["x-access-token:{token}@", "{token}@"])
async def test_token_in_url_is_on_no_command_line(host: PrivateHost, written: str) -> None:
    url = host.url.replace("https://", "https://" + written.format(token=TOKEN))
    pair = written.format(token=TOKEN).removesuffix("@")
    header = base64.b64encode((pair if ":" in pair else f"{pair}:").encode()).decode()
    host.server.credential = f"Basic {header}"
    with Onlooker() as onlooker:
        host.server.before = onlooker.wait
        assert await host.source(None, url).fetch(TAG)
    assert any(host.url in line for line in onlooker.seen)
    assert not [line for line in onlooker.seen for secret in (TOKEN, header) if secret in line]


@pytest.mark.parametrize("token", [None, "ghp_an-expired-token"])
async def test_closed_repository_error_hides_the_token(host: PrivateHost, token: str | None) -> None:
    for ask in (host.source(token).find, host.source(token).fetch):
        with pytest.raises(GitFailed) as error:
            await ask(TAG)
        text = "\n".join([str(error.value), *error.value.last_lines])
        assert "could not" in text or "cannot be read" in text
        assert "ghp_" not in text


@pytest.mark.parametrize("token", [TOKEN, None], ids=["private", "public"])
async def test_redirect_is_not_followed(host: PrivateHost, tmp_path: Path, token: str | None) -> None:
    """The other server needs no token, so git would continue there, send the token along and believe the answer."""
    with serving(PrivateGit(tmp_path / "served", host.certificate, None)) as elsewhere:
        host.server.moved_to = elsewhere.url
        source = host.source(token)
        for ask in (source.find, source.fetch):
            with pytest.raises(GitFailed, match=r"redirects to another address.*`repository` or `source`"):
                await ask(TAG)
    assert host.server.authorizations
    assert elsewhere.authorizations == []
