"""Signature checks of tags, with real git and real SSH keys."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.domain.errors import SignatureRefused, SignatureUnchecked, TagMoved
from tests.integration.git.repositories import OBJECT_FORMATS, Repository, git
from tests.integration.git.signing import Signer, need_ssh_keygen
from workers.adapters.git_repo.mirror import GitSource

LIMIT = 120.0
TAG = "v1.0.0"


@dataclass(frozen=True)
class Origin:
    """A repository with one commit; `allowed` lists Alice's key, and `source` requires an allowed signature."""

    repository: Repository
    alice: Signer
    allowed: Path
    source: GitSource

    def outsider(self, name: str) -> Signer:
        """A signer whose key is not in the file."""
        return Signer(self.alice.key.parent, name)


@pytest.fixture(params=OBJECT_FORMATS)
def origin(tmp_path: Path, request: pytest.FixtureRequest) -> Origin:
    need_ssh_keygen()
    repository = Repository(tmp_path / "repository", str(request.param))
    repository.commit({"app.py": "print('one')\n"})
    (tmp_path / "keys").mkdir()
    alice = Signer(tmp_path / "keys", "alice@example.invalid")
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(f"# who may release\n{alice.line()}\n")
    return Origin(repository, alice, allowed, GitSource(str(repository.path), tmp_path / "git", LIMIT, allowed))


async def refused(origin: Origin, tag: str = TAG) -> str:
    """Fetches the tag and returns the reason of the refusal."""
    with pytest.raises(SignatureRefused) as error:
        await origin.source.fetch(tag)
    return error.value.detail


async def test_tag_signed_by_an_allowed_key_is_accepted(origin: Origin) -> None:
    origin.alice.tag(origin.repository, TAG)
    for _ in range(2):
        assert await origin.source.fetch(TAG) == git(origin.repository.path, "rev-parse", "HEAD")


async def test_unsigned_tag_is_accepted_without_policy(origin: Origin, tmp_path: Path) -> None:
    origin.repository.tag(TAG)
    assert await GitSource(str(origin.repository.path), tmp_path / "git", LIMIT).fetch(TAG)


async def test_a_lightweight_tag_is_refused(origin: Origin) -> None:
    origin.repository.tag(TAG)
    assert "lightweight tag" in await refused(origin)


async def test_an_unsigned_tag_is_refused(origin: Origin) -> None:
    origin.repository.tag(TAG, "--annotate")
    assert "has no signature" in await refused(origin)


async def test_tag_signed_by_another_key_is_refused(origin: Origin) -> None:
    origin.outsider("mallory@example.invalid").tag(origin.repository, TAG)
    assert "not by a key that" in await refused(origin)


async def test_policy_refuses_unsigned_tag_already_fetched(origin: Origin, tmp_path: Path) -> None:
    origin.repository.tag(TAG, "--annotate")
    await GitSource(str(origin.repository.path), tmp_path / "git", LIMIT).fetch(TAG)
    assert "has no signature" in await refused(origin)


async def test_renamed_signed_tag_is_refused(origin: Origin) -> None:
    """Its signature is valid: an old release with a known vulnerability would return as the newest one."""
    origin.alice.tag(origin.repository, TAG)
    git(origin.repository.path, "update-ref", "refs/tags/v2.0.0", git(origin.repository.path, "rev-parse", TAG))
    assert await refused(origin, "v2.0.0") == "v2.0.0 points to an object that was signed as v1.0.0"


async def test_altered_signed_tag_is_refused(origin: Origin, tmp_path: Path) -> None:
    origin.alice.tag(origin.repository, TAG)
    signed = git(origin.repository.path, "cat-file", "tag", TAG)
    (tmp_path / "changed").write_text(signed.replace(f"tag {TAG}", "tag v2.0.0") + "\n")
    made = git(origin.repository.path, "hash-object", "-t", "tag", "-w", str(tmp_path / "changed"))
    git(origin.repository.path, "update-ref", "refs/tags/v2.0.0", made)
    assert "not by a key that" in await refused(origin, "v2.0.0")


async def test_moved_signed_tag_is_refused(origin: Origin) -> None:
    origin.alice.tag(origin.repository, TAG)
    await origin.source.fetch(TAG)
    origin.repository.commit({"app.py": "print('two')\n"})
    origin.alice.tag(origin.repository, TAG, "--force")
    with pytest.raises(TagMoved):
        await origin.source.fetch(TAG)


@pytest.mark.parametrize(("year", "taken"), [(2025, True), (2026, False)])
async def test_key_expires_at_its_valid_before_date(origin: Origin, year: int, taken: bool) -> None:
    origin.allowed.write_text(origin.alice.line('valid-before="20260101Z"') + "\n")
    origin.alice.tag(origin.repository, TAG, at=datetime(year, 6, 1, tzinfo=UTC))
    if taken:
        assert await origin.source.fetch(TAG)
    else:
        assert "not by a key that" in await refused(origin)


@pytest.mark.parametrize(("namespaces", "taken"), [("git", True), ("git,file", True), ("file", False)])
async def test_key_is_limited_to_its_namespaces(origin: Origin, namespaces: str, taken: bool) -> None:
    origin.allowed.write_text(origin.alice.line(f'namespaces="{namespaces}"') + "\n")
    origin.alice.tag(origin.repository, TAG)
    if taken:
        assert await origin.source.fetch(TAG)
    else:
        assert "not by a key that" in await refused(origin)


async def test_signature_for_another_use_is_refused(origin: Origin) -> None:
    origin.alice.tag_for_another_use(origin.repository, TAG)
    assert "not by a key that" in await refused(origin)


async def test_pgp_signature_runs_no_program(origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs a program that accepts every signature, in the home's git configuration and as `gpg` on the PATH."""
    agrees = tmp_path / "bin" / "gpg"
    agrees.parent.mkdir()
    trace = tmp_path / "asked"
    agrees.write_text(
        f"#!/bin/sh\ntouch {trace}\ncat >/dev/null\n"  # git fails if it cannot write all that was signed
        "printf '\\n[GNUPG:] GOODSIG 0 x\\n[GNUPG:] TRUST_ULTIMATE 0 pgp\\n[GNUPG:] VALIDSIG 0 0 0 0 0 0 0 0 0 0\\n'\n"
    )
    agrees.chmod(0o755)
    _pgp_tag(origin.repository, tmp_path)
    monkeypatch.setenv("PATH", f"{agrees.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", f"'gpg.program'='{agrees}'")
    (tmp_path / ".gitconfig").write_text(f'[gpg]\nprogram = {agrees}\n[gpg "ssh"]\nprogram = {agrees}\n')
    accepted = plain_git_verifies(origin.repository)
    assert (accepted, trace.exists()) == (True, True), "plain git accepts the false signature"
    trace.unlink()
    assert "not by a key that" in await refused(origin)
    assert not trace.exists()


async def test_allowed_signers_are_read_each_time(origin: Origin) -> None:
    origin.alice.tag(origin.repository, TAG)
    await origin.source.fetch(TAG)
    origin.allowed.write_text(origin.outsider("bob@example.invalid").line() + "\n")
    assert "not by a key that" in await refused(origin)


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "cannot be read"), (b"# nobody\n\n", "has no signer"), (b"\xff", "cannot be read")]
)
async def test_missing_signers_list_refuses_every_tag(origin: Origin, content: bytes | None, reason: str) -> None:
    origin.alice.tag(origin.repository, TAG)
    origin.allowed.unlink() if content is None else origin.allowed.write_bytes(content)
    with pytest.raises(SignatureUnchecked, match=reason):
        await origin.source.fetch(TAG)


async def test_missing_ssh_keygen_refuses_every_tag(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.alice.tag(origin.repository, TAG)
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    with pytest.raises(SignatureUnchecked, match="openssh-client"):
        await origin.source.fetch(TAG)


def _pgp_tag(repository: Repository, directory: Path) -> None:
    head = git(repository.path, "rev-parse", "HEAD")
    text = f"object {head}\ntype commit\ntag {TAG}\ntagger T <t@example.invalid> 1700000000 +0000\n\n{TAG}\n"
    armor = "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"
    (directory / "pgp-tag").write_text(text + armor)
    made = git(repository.path, "hash-object", "-t", "tag", "-w", str(directory / "pgp-tag"))
    git(repository.path, "update-ref", f"refs/tags/{TAG}", made)


def plain_git_verifies(repository: Repository) -> bool:
    """Whether plain git in this environment accepts the tag's signature."""
    command = ["git", "verify-tag", TAG]
    done = subprocess.run(command, cwd=repository.path, check=False, capture_output=True, timeout=LIMIT)
    return done.returncode == 0
