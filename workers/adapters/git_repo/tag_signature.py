"""Checks a tag's signature: git uses ssh-keygen and no other program.

https://git-scm.com/docs/git-config#Documentation/git-config.txt-gpgsshallowedSignersFile
"""

from collections.abc import Sequence
from pathlib import Path

from app.config.signers import PROGRAM
from app.domain.errors import SignatureRefused
from workers.adapters.commands import Finished

LINES_SHOWN = 4


def object_command(tag: str) -> list[str]:
    return ["rev-parse", "--verify", "--quiet", "--end-of-options", f"refs/tags/{tag}"]


def verify_command(tag_object: str) -> list[str]:
    """Prints the tag name in the signed object if the signature is valid."""
    return ["verify-tag", "--raw", "--format=%(tag)", tag_object]


def verify_config(signers: Path) -> list[str]:
    """Accepts only SSH signatures by a key of `signers`.

    The signer chooses the kind of signature. Git would check OpenPGP and X.509 with the keys that the worker's user
    trusts, so the program for both is `false`, which always fails.
    """
    settings = {
        "gpg.program": "false",
        "gpg.openpgp.program": "false",
        "gpg.x509.program": "false",
        "gpg.ssh.program": PROGRAM,
        "gpg.ssh.allowedSignersFile": str(signers),
        "gpg.ssh.revocationFile": "",
        "gpg.minTrustLevel": "fully",
    }
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def check_verified(tag: str, signers: Path, finished: Finished, named: str) -> None:
    """Raises SignatureRefused unless `verify_command` succeeded (`finished`) and printed `tag` (`named`)."""
    if not finished.ok:
        raise SignatureRefused(_refusal(tag, signers, finished.lines), last_lines=finished.lines[-LINES_SHOWN:])
    if named.strip() != tag:
        raise SignatureRefused(f"{tag} points to an object that was signed as {named.strip()}")


def _refusal(tag: str, signers: Path, lines: Sequence[str]) -> str:
    if any("cannot verify a non-tag object" in line for line in lines):
        return f"{tag} is a lightweight tag, which has no signature. Create it with `git tag --sign`."
    if any("no signature found" in line for line in lines):
        return f"{tag} has no signature. Create it with `git tag --sign`."
    return f"{tag} has a signature, but not by a key that {signers} allows"
