"""A fetch finds a repository that was renamed, and shows its credential to no other server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.errors import GitFailed
from tests.integration.git.private_git import (
    PAIR,
    TOKEN,
    GitRequests,
    PrivateGit,
    certificate,
    mirror_that_trusts,
    need_private_git,
    serving,
)
from tests.integration.git.repositories import Repository, git
from workers.adapters.commands import run_command
from workers.adapters.git_repo.mirror import GitSource

LIMIT = 120.0
TAG = "v1.0.0"


class Forge(PrivateGit):
    """Redirects requests for the repository `old` to the new one, with its own address or that of `elsewhere`."""

    old = "/octo/shop.git"
    new = "/acme/store.git"
    elsewhere = ""


class ForgeRequests(GitRequests):
    """Answers as GitHub does: the rest of the path and the query stay."""

    server: Forge

    def do_GET(self) -> None:
        if self.path.startswith(self.server.old):
            self.server.authorizations.append(self.headers["Authorization"])
            rest = self.path.removeprefix(self.server.old)
            where = f"{self.server.elsewhere or self.server.url}{self.server.new}{rest}"
            self.answer(301, [("Location", where)])
        else:
            super().do_GET()

    do_POST = do_GET


Forge.request_handler = ForgeRequests


@pytest.fixture
def served(tmp_path: Path) -> Path:
    need_private_git()
    repository = Repository(tmp_path / "served" / "acme" / "store.git")
    repository.commit({"app.py": "print('one')\n"})
    repository.tag(TAG, "--annotate")
    mirror_that_trusts(certificate(tmp_path), tmp_path / "git")
    return tmp_path / "served"


@pytest.fixture
def forge(served: Path, tmp_path: Path) -> Iterator[Forge]:
    with serving(Forge(served, tmp_path / "certificate.pem", f"Basic {PAIR}")) as server:
        yield server


def source_of(forge: Forge, tmp_path: Path) -> GitSource:
    return GitSource(f"{forge.url}{forge.old}", tmp_path / "git", LIMIT, token=TOKEN)


async def test_old_name_leads_to_the_renamed_repository(forge: Forge, served: Path, tmp_path: Path) -> None:
    sha = git(served / "acme" / "store.git", "rev-parse", "HEAD")
    source = source_of(forge, tmp_path)
    assert await source.find(TAG)
    assert await source.fetch(TAG) == sha
    assert ((await source.checkout(sha)) / "app.py").exists()
    assert set(forge.authorizations) == {f"Basic {PAIR}"}


async def test_redirect_to_another_server_gets_no_request(forge: Forge, served: Path, tmp_path: Path) -> None:
    """The other server would answer, with any content: git would show it the credential, and believe it."""
    with serving(PrivateGit(served, tmp_path / "certificate.pem", None)) as other:
        forge.elsewhere = other.url
        source = source_of(forge, tmp_path)
        for ask in (source.find, source.fetch):
            with pytest.raises(GitFailed, match="redirects to another address") as error:
                await ask(TAG)
            assert PAIR not in "\n".join([str(error.value), *error.value.last_lines])
    assert other.authorizations == []


async def test_git_itself_would_show_the_credential(forge: Forge, served: Path, tmp_path: Path) -> None:
    """Why git must not follow a redirect by itself, not even the first one."""
    with serving(PrivateGit(served, tmp_path / "certificate.pem", None)) as other:
        forge.elsewhere = other.url
        settings = {
            "http.sslCAInfo": str(tmp_path / "certificate.pem"),
            "http.followRedirects": "initial",
            f"http.{forge.url}/.extraHeader": f"Authorization: Basic {PAIR}",
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = ["git", *words, "ls-remote", f"{forge.url}{forge.old}"]
        assert (await run_command(command, limit=LIMIT)).ok
    assert f"Basic {PAIR}" in other.authorizations


async def test_circle_of_redirects_ends(forge: Forge, tmp_path: Path) -> None:
    forge.new = forge.old
    with pytest.raises(GitFailed, match="redirects to another address"):
        await source_of(forge, tmp_path).fetch(TAG)
    assert len(forge.authorizations) < 10


async def test_fetch_asks_for_the_present_url(forge: Forge, tmp_path: Path) -> None:
    names = [f"{forge.url}/octo/gone.git", f"{forge.url}{forge.new}"]
    source = GitSource(names[0], tmp_path / "git", LIMIT, token=TOKEN, now=lambda: names[-1])
    assert await source.fetch(TAG)
