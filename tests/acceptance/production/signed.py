"""A repository with a signed and an unsigned tag, and a container of the updater's image that fetches from it."""

import os
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.host.shell import UPDATER_IMAGE
from tests.acceptance.production.site import SERVICE_USER, Site
from tests.integration.git.repositories import Repository
from tests.integration.git.signing import Signer, need_ssh_keygen

SIGNED, UNSIGNED = "v1.0.0", "v1.0.1"
FETCH = """
import asyncio, sys
from pathlib import Path
from workers.adapters.git_repo.mirror import GitSource
source, signers, tag = sys.argv[1:]
print(asyncio.run(GitSource(source, Path("/tmp/git"), 30.0, Path(signers)).fetch(tag)))
"""
"""Fetches the tag as the worker does, and prints its commit."""


@dataclass(frozen=True)
class SignedRepository:
    """`directory` has the repository and the list of its signers."""

    directory: Path
    head: str

    def fetched(self, site: Site, tag: str) -> str:
        """Fetches `tag` in a container of the updater's image. Raises docker's ContainerError with its output."""
        command = ["python", "-c", FETCH, "/signed/repository", "/signed/allowed_signers", tag]
        mounts = {str(self.directory): {"bind": "/signed", "mode": "ro"}}
        output = site.client.containers.run(UPDATER_IMAGE, command, volumes=mounts, network_mode="none", remove=True)
        return bytes(output).decode().strip()


def signed_repository(directory: Path) -> SignedRepository:
    """Makes the repository, for the image's user: git reads only the local repositories of its own user."""
    need_ssh_keygen()
    repository = Repository(directory / "signed" / "repository")
    head = repository.commit({"app.py": "print('one')\n"})
    signer = Signer(directory, "alice@example.invalid")
    signer.tag(repository, SIGNED)
    repository.tag(UNSIGNED, "--annotate")
    (directory / "signed" / "allowed_signers").write_text(f"{signer.line()}\n")
    for path in (directory / "signed", *(directory / "signed").rglob("*")):
        os.chown(path, SERVICE_USER, SERVICE_USER)
    return SignedRepository(directory / "signed", head)
