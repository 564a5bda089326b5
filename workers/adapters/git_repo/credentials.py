"""Passes a repository's credential to git through the environment: not in a URL or a command line."""

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from workers.adapters.git_repo.remote_address import parsed, server_of

TOKEN_USER = "x-access-token"  # noqa: S105 - a user name, not a token
"""https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation"""


@dataclass(frozen=True)
class ServerCredential:
    """What only the server `server`, a host and port reached by https, may see: `header`, for `Authorization`."""

    server: str
    header: str = field(repr=False)


def credential_for(url: str, token: str | None = None) -> ServerCredential | None:
    """The credential in the https `url`, `user:password@` or `token@`, else `token`.

    A server that git reaches by SSH takes the token by https. None for a directory.
    """
    parts, server = urlsplit(url), server_of(url)
    in_url = parts.scheme == "https" and parts.username
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if in_url else None
    if pair is None and token is not None:
        pair = f"{TOKEN_USER}:{token}"
    if not server or pair is None or parsed(url).kind not in {"https", "ssh"}:
        return None
    return ServerCredential(server, f"Basic {base64.b64encode(pair.encode()).decode()}")


def without_credentials(url: str, token: str | None = None) -> tuple[str, dict[str, str]]:
    """Returns `url` without its credential, and the environment that passes the credential to that host only.

    Without https there is none. https://git-scm.com/docs/git-config#Documentation/git-config.txt-httpextraHeader
    """
    parts, credential = urlsplit(url), credential_for(url, token)
    if parts.scheme != "https" or credential is None:
        return url, {}
    host = parts.netloc.rpartition("@")[2]
    settings = {f"http.https://{host}/.extraHeader": f"Authorization: {credential.header}"}
    return urlunsplit(parts._replace(netloc=host)), _environment(settings)


def token_for(url: str, api_url: str, token: str | None) -> str | None:
    """Returns `token` if `url` is on the same GitHub as the API at `api_url`; no other host or port gets it."""
    api = server_of(api_url)
    return token if server_of(url) == ("github.com" if api == "api.github.com" else api) else None


def _environment(settings: dict[str, str]) -> dict[str, str]:
    """See https://git-scm.com/docs/git-config#Documentation/git-config.txt-GITCONFIGCOUNT."""
    names = {f"GIT_CONFIG_KEY_{n}": name for n, name in enumerate(settings)}
    values = {f"GIT_CONFIG_VALUE_{n}": value for n, value in enumerate(settings.values())}
    return {"GIT_CONFIG_COUNT": str(len(settings)), **names, **values}
