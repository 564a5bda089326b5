"""How git reaches a server by SSH: with which key, and which host keys it trusts. Checking host keys is never off.

https://man.openbsd.org/ssh_config
"""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from workers.adapters.git_repo.remote_address import parsed

_ALWAYS = {"BatchMode": "yes", "StrictHostKeyChecking": "yes", "UpdateHostKeys": "no", "ConnectTimeout": "30"}

_COMPARE = "compare it with the fingerprints that the server's operator publishes"
_PROBLEMS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"REMOTE HOST IDENTIFICATION HAS CHANGED"),
        "the host key of {host} differs from the one in {file}, so another machine may answer in its place. Run "
        f"`ssh-keyscan {{scanned}}`, {_COMPARE}, and only then replace the lines in {{file}}",
    ),
    (
        re.compile(r"Host key verification failed"),
        f"the host key of {{host}} is not in {{file}}. Run `ssh-keyscan {{scanned}}`, {_COMPARE}, and write the lines "
        "into that file",
    ),
    (
        re.compile(r"UNPROTECTED PRIVATE KEY FILE"),
        "ssh does not use {key}, because others may read it. Run on the worker's machine: chmod 600 {keys}",
    ),
    (
        re.compile(r"Identity file \S+ not accessible|Load key \"[^\"]*\": (?:Permission denied|No such file)"),
        "ssh cannot read {key}. Correct UPDATER_SSH_KEY_PATH, or the owner of the file",
    ),
    (
        re.compile(r"Load key \"[^\"]*\": (?:invalid format|error in libcrypto)"),
        "{key} is not a private key that ssh can read. Make one without a passphrase: ssh-keygen -t ed25519",
    ),
    (
        re.compile(r"Permission denied \([^)]*publickey"),
        "{host} does not accept {key}. Add its public key as a deploy key of the repository; read access is enough. "
        "The key must have no passphrase",
    ),
    (
        re.compile(r"cannot run ssh\b|ssh: (?:command )?not found"),
        "ssh is missing. Install it in the worker's image or on its machine (Debian: openssh-client)",
    ),
    (re.compile(r"No user exists for uid"), "ssh needs a name for the worker's user in /etc/passwd"),
)
"""What ssh prints, and what it means. The first that fits counts."""


@dataclass(frozen=True)
class SshAccess:
    """`key`: the private key, without a passphrase; `known_hosts`: the trusted host keys. None: what ssh has itself."""

    key: Path | None = None
    known_hosts: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Makes git use it. https://git-scm.com/docs/git#Documentation/git.txt-GITSSHCOMMAND"""
        options, words = dict(_ALWAYS), ["ssh"]
        if self.key is not None:
            words += ["-F", "none", "-i", str(self.key)]
            options |= {"IdentitiesOnly": "yes", "IdentityAgent": "none"}
        if self.known_hosts is not None:
            options |= {"UserKnownHostsFile": str(self.known_hosts), "GlobalKnownHostsFile": "/dev/null"}
        words += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return {"GIT_SSH_COMMAND": shlex.join(words), "GIT_SSH_VARIANT": "ssh"}

    def problem(self, url: str, lines: Iterable[str]) -> str | None:
        """What the operator has to correct, if `lines`, the output of a failed git, say so. None if they do not."""
        if parsed(url).kind != "ssh":
            return None
        said = "\n".join(lines)
        text = next((text for pattern, text in _PROBLEMS if pattern.search(said)), None)
        return text.format(**self._names(url)) if text else None

    def _names(self, url: str) -> dict[str, str]:
        host, port = parsed(url).host, urlsplit(url).port if "://" in url else None
        return {
            "host": host,
            "scanned": f"-p {port} {host}" if port else host,
            "file": str(self.known_hosts or "~/.ssh/known_hosts of the worker (or set UPDATER_SSH_KNOWN_HOSTS_PATH)"),
            "keys": str(self.key or "~/.ssh/id_*"),
            "key": str(self.key or "the key in ~/.ssh of the worker (or set UPDATER_SSH_KEY_PATH)"),
        }
