"""The signers file, with the keys that may sign a release's tag, and the program that checks signatures.

Format: https://man.openbsd.org/ssh-keygen#ALLOWED_SIGNERS
"""

import os
import pwd
import shutil
from pathlib import Path

PROGRAM = "ssh-keygen"


def problem(file: Path) -> str | None:
    """Why signatures cannot be checked against `file`; None if they can."""
    if shutil.which(PROGRAM) is None:
        return f"{PROGRAM} is missing: install the package openssh-client on the worker's machine"
    if not _has_a_name(os.getuid()):
        return f"{PROGRAM} does not run as uid {os.getuid()}, which has no name here: add the user to /etc/passwd"
    try:
        return None if signers(file) else f"{file} has no signer"
    except (OSError, UnicodeDecodeError) as error:
        return f"{file} cannot be read ({type(error).__name__})"


def _has_a_name(uid: int) -> bool:
    """Whether the user exists: ssh-keygen ends with "No user exists for uid" if not."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def signers(file: Path) -> list[str]:
    """The principals in `file`, one for each key. Raises OSError, UnicodeDecodeError."""
    lines = (line.strip() for line in file.read_text("utf-8").splitlines())
    return [line.split()[0] for line in lines if line and not line.startswith("#")]
