"""How a tag's signature is checked: git asks ssh-keygen, and nothing else has a say.

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
    """Prints, where the signature is right, the name that the signed object itself carries."""
    return ["verify-tag", "--raw", "--format=%(tag)", tag_object]


def verify_config(signers: Path) -> list[str]:
    """Only SSH signatures by a key of `signers` count.

    Whoever makes a signature chooses its kind. OpenPGP and X.509 would be checked with whatever keys the worker's user
    happens to trust, so the programs for them are one that never agrees.
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
    """`finished` and `named` are what `verify_command` ended with and printed. Raises SignatureRefused."""
    if not finished.ok:
        raise SignatureRefused(_why(tag, signers, finished.lines), last_lines=finished.lines[-LINES_SHOWN:])
    if named.strip() != tag:
        raise SignatureRefused(f"what {tag} points to was signed under the name {named.strip()}")


def _why(tag: str, signers: Path, said: Sequence[str]) -> str:
    if any("cannot verify a non-tag object" in line for line in said):
        return f"{tag} is a lightweight tag, which carries no signature; make it with `git tag --sign`"
    if any("no signature found" in line for line in said):
        return f"{tag} carries no signature; make it with `git tag --sign`"
    return f"{tag} carries a signature that is by no key of {signers}, as it is allowed there"
