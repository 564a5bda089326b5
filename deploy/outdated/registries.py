"""Asks the image registry (with skopeo) and the package index (with pip) for versions."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence

SECONDS = 60


class RegistrySilent(Exception):
    """A registry did not answer. The text has the reason."""


def image_tags(name: str) -> list[str]:
    """All tags of the image `name`. Raises RegistrySilent."""
    words = ["skopeo", "list-tags", f"docker://{name}"]
    try:
        return [str(tag) for tag in json.loads(_output(words))["Tags"]]
    except (ValueError, KeyError, TypeError) as error:
        raise RegistrySilent(f"`{' '.join(words)}` printed no list of tags") from error


def image_digest(name: str, tag: str) -> str:
    """The digest of the image `name:tag`, for all its platforms. Raises RegistrySilent."""
    return _output(["skopeo", "inspect", "--no-tags", "--format", "{{.Digest}}", f"docker://{name}:{tag}"]).strip()


def package_versions(name: str) -> list[str]:
    """All versions of the package `name` for this Python. Raises RegistrySilent."""
    words = [sys.executable, "-m", "pip", "--disable-pip-version-check", "index", "versions", name]
    listed = re.search(r"^Available versions: (.+)$", _output(words), re.MULTILINE)
    if listed is None:
        raise RegistrySilent(f"`{' '.join(words)}` printed no versions")
    return listed[1].split(", ")


def _output(words: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RegistrySilent(f"{words[0]} could not be used ({error})") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RegistrySilent(lines[-1])
    return done.stdout
