"""Which server has a repository's Git LFS files.

https://github.com/git-lfs/git-lfs/blob/main/docs/api/server-discovery.md
"""

from collections.abc import Iterable

from app.domain.errors import GitFailed
from workers.adapters.git_repo.credentials import ServerCredential
from workers.adapters.git_repo.remote_address import parsed, server_of

CONFIGURED = ["config", "--blob", "HEAD:.lfsconfig", "--null", "--get-regexp", r"^(lfs\.url|remote\..*\.lfsurl)$"]
"""Prints the servers that a commit names."""

_ONLY = "The updater fetches Git LFS files by https only."
_DO = "Write the https address of the repository into `source` in the stack file"


def lfs_server(url: str, credential: ServerCredential | None) -> str:
    """The URL of the server for the repository at `url`. Raises GitFailed if there is none by https.

    By SSH, git would get a credential for it from the host; here, the token of the same host is needed.
    """
    here = parsed(url)
    if here.kind not in {"https", "ssh"}:
        raise GitFailed(f"{url} has Git LFS files. {_ONLY} {_DO}")
    if here.kind == "ssh" and (credential is None or credential.server != server_of(url)):
        raise GitFailed(f"{url} has Git LFS files. {_ONLY} {_DO}, or set GITHUB_TOKEN if it is on GitHub")
    path = here.path.strip("/")
    return f"https://{server_of(url)}/{path}{'' if path.endswith('.git') else '.git'}/info/lfs"


def check_configured(settings: str, server: str) -> None:
    """Raises GitFailed if `settings`, the output of CONFIGURED, name another server."""
    for url in _urls(settings.split("\0")):
        if url.rstrip("/") != server:
            raise GitFailed(
                f".lfsconfig names another server of Git LFS files, {server_of(url) or 'by a path'}. The updater does "
                f"not follow it, because it would get the repository's credential; it asks {server}. Store the files "
                "there, and remove the setting"
            )


def _urls(entries: Iterable[str]) -> Iterable[str]:
    return (value for _, newline, value in (entry.partition("\n") for entry in entries) if newline)
