"""Real SSH keys, and tags signed with them."""

import os
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from deploy.demo.repository import DemoRepository
from tests.integration.git.repositories import GIT_SECONDS, Repository, git


def need_ssh_keygen() -> None:
    """Skips the test if ssh-keygen is missing. Raises RuntimeError in CI."""
    if shutil.which("ssh-keygen") is None:
        if os.environ.get("CI"):
            raise RuntimeError("ssh-keygen is missing: bin/_setup installs openssh-client")
        pytest.skip("not available here: ssh-keygen (Debian: openssh-client)")


def _ssh_keygen(*words: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(["ssh-keygen", *words], input=stdin, check=True, capture_output=True, timeout=GIT_SECONDS)
    return done.stdout


AnyRepository = Repository | DemoRepository


class Signer:
    """A person with an SSH key, which is in `directory`."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.key = directory / name
        _ssh_keygen("-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.key))

    def line(self, options: str = "") -> str:
        """The line for the allowed-signers file."""
        kind, key, _ = self.key.with_name(f"{self.name}.pub").read_text().split()
        return " ".join(filter(None, (self.name, options, kind, key)))

    def tag(
        self, repository: Repository | DemoRepository, name: str, *options: str, at: datetime | None = None
    ) -> None:
        """Makes a signed tag of HEAD with `git tag --sign`; `at` is the time in the tag."""
        config = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={self.key}")
        env = {"GIT_COMMITTER_DATE": at.isoformat()} if at else {}
        git(repository.path, *config, "tag", "--sign", "--message", name, *options, name, **env)

    def tag_for_another_use(self, repository: Repository, name: str) -> None:
        """Makes a tag with a valid signature of this key that was not made for git."""
        head = git(repository.path, "rev-parse", "HEAD")
        text = f"object {head}\ntype commit\ntag {name}\ntagger T <t@example.invalid> 1700000000 +0000\n\n{name}\n"
        signature = _ssh_keygen("-q", "-Y", "sign", "-n", "file", "-f", str(self.key), "-", stdin=text.encode())
        file = repository.path.with_name("tag-object")
        file.write_bytes(text.encode() + signature)
        made = git(repository.path, "hash-object", "-t", "tag", "-w", str(file))
        git(repository.path, "update-ref", f"refs/tags/{name}", made)
