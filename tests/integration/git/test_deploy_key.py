"""A deploy key reads a repository from a real SSH server, whose host key is always checked."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.errors import GitFailed
from tests.integration.git.repositories import Repository
from tests.integration.git.ssh_server import SshProgram, SshServer, make_key, serving_ssh, ssh_program
from workers.adapters.git_repo.mirror import GitSource
from workers.adapters.git_repo.ssh_access import SshAccess

LIMIT = 120.0
TAG = "v1.0.0"


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A directory that the server's user can enter, which those of pytest do not allow."""
    place = Path(tempfile.mkdtemp(prefix="zu-ssh-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def program(place: Path) -> SshProgram:
    directory = place / "program"
    directory.mkdir()
    return ssh_program(directory)


@pytest.fixture(scope="module")
def key(place: Path) -> Path:
    keys = place / "keys"
    keys.mkdir()
    make_key(keys / "another")
    return make_key(keys / "deploy")


@pytest.fixture(scope="module")
def server(program: SshProgram, place: Path, key: Path) -> Iterator[SshServer]:
    directory = place / "server"
    repository = Repository(directory / "repositories" / "shop.git")
    repository.commit({"app.py": "print('one')\n"})
    repository.tag(TAG, "--annotate")
    with serving_ssh(program, directory, key.with_suffix(".pub")) as server:
        yield server


@pytest.fixture
def known_hosts(server: SshServer, tmp_path: Path) -> Path:
    file = tmp_path / "known_hosts"
    file.write_text(server.known_line)
    return file


def readable_copy(key: Path, file: Path) -> Path:
    shutil.copy(key, file)
    file.chmod(0o644)
    return file


def source_of(server: SshServer, tmp_path: Path, access: SshAccess) -> GitSource:
    return GitSource(server.url("shop.git"), tmp_path / "git", LIMIT, ssh=access)


async def refusal(source: GitSource) -> GitFailed:
    errors = []
    for ask in (source.find, source.fetch):
        with pytest.raises(GitFailed) as error:
            await ask(TAG)
        errors.append(error.value)
    assert not any(error.transient for error in errors), "only the operator can correct it"
    return errors[-1]


async def test_deploy_key_fetches_a_release(server: SshServer, tmp_path: Path, key: Path, known_hosts: Path) -> None:
    source = source_of(server, tmp_path, SshAccess(key, known_hosts))
    assert await source.find(TAG)
    sha = await source.fetch(TAG)
    assert ((await source.checkout(sha)) / "app.py").read_text() == "print('one')\n"


async def test_unknown_host_key_is_refused_by_name(server: SshServer, tmp_path: Path, key: Path) -> None:
    empty = tmp_path / "known_hosts"
    empty.touch()
    text = str(await refusal(source_of(server, tmp_path, SshAccess(key, empty))))
    assert f"the host key of 127.0.0.1 is not in {empty}" in text
    assert f"`ssh-keyscan -p {server.port} 127.0.0.1`" in text
    assert empty.read_text() == "", "it is never added by itself"


async def test_changed_host_key_is_refused_by_name(server: SshServer, tmp_path: Path, key: Path) -> None:
    other = tmp_path / "known_hosts"
    other.write_text(f"[127.0.0.1]:{server.port} {key.with_suffix('.pub').read_text()}")
    text = str(await refusal(source_of(server, tmp_path, SshAccess(key, other))))
    assert f"differs from the one in {other}" in text
    assert "another machine may answer" in text


async def test_key_that_is_not_accepted_is_named(
    server: SshServer, tmp_path: Path, key: Path, known_hosts: Path
) -> None:
    another = key.with_name("another")
    text = str(await refusal(source_of(server, tmp_path, SshAccess(another, known_hosts))))
    assert f"127.0.0.1 does not accept {another}. Add its public key as a deploy key" in text


async def test_key_that_others_may_read_is_named(
    server: SshServer, tmp_path: Path, key: Path, known_hosts: Path
) -> None:
    open_key = readable_copy(key, tmp_path / "deploy")
    text = str(await refusal(source_of(server, tmp_path, SshAccess(open_key, known_hosts))))
    assert f"chmod 600 {open_key}" in text


async def test_file_that_is_no_key_is_named(server: SshServer, tmp_path: Path, known_hosts: Path) -> None:
    wrong = tmp_path / "deploy"
    wrong.write_text("not a key\n")
    wrong.chmod(0o600)
    text = str(await refusal(source_of(server, tmp_path, SshAccess(wrong, known_hosts))))
    assert f"{wrong} is not a private key that ssh can read" in text
