"""Reads the address of a repository in any of git's forms. https://git-scm.com/docs/git-clone#_git_urls"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^/:@]+):(?P<path>[^/].*)")
"""`git@host:owner/name.git`."""


@dataclass(frozen=True)
class RemoteAddress:
    """`kind`: `https`, `ssh`, or empty for a directory of this machine. `prefix`: what stands before `path`."""

    kind: str
    host: str
    prefix: str
    path: str


def parsed(url: str) -> RemoteAddress:
    if "://" not in url and (scp := _SCP.fullmatch(url)):
        return RemoteAddress("ssh", scp["host"].lower(), url[: scp.start("path")], scp["path"])
    parts = urlsplit(url)
    if not parts.netloc:
        return RemoteAddress("" if parts.scheme in {"", "file"} else parts.scheme, "", "", parts.path)
    kind = "ssh" if parts.scheme in {"ssh", "git+ssh"} else parts.scheme
    prefix = f"{parts.scheme}://{parts.netloc}/"
    return RemoteAddress(kind, (parts.hostname or "").lower(), prefix, parts.path.lstrip("/"))


def server_of(url: str) -> str:
    """The host and port at which the server of `url` is reached by https; without https's own port.

    The port of an SSH address means nothing to https. Empty for a directory.
    """
    here = parsed(url)
    return here.host if here.kind == "ssh" else urlsplit(url).netloc.rpartition("@")[2].lower().removesuffix(":443")
