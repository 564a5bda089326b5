"""Passes a repository's credential to git through the environment: not in a URL or a command line."""

import base64
from urllib.parse import unquote, urlsplit, urlunsplit

TOKEN_USER = "x-access-token"  # noqa: S105 - a user name, not a token
"""https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation"""


def without_credentials(url: str, token: str | None = None) -> tuple[str, dict[str, str]]:
    """Returns `url` without its credential, and the environment that passes the credential to that host only.

    The credential is the one in the URL, `user:password@` or `token@`, else `token`. Without https there is none.
    https://git-scm.com/docs/git-config#Documentation/git-config.txt-httpextraHeader
    """
    parts = urlsplit(url)
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if parts.username else None
    if pair is None and token is not None:
        pair = f"{TOKEN_USER}:{token}"
    if parts.scheme != "https" or pair is None:
        return url, {}
    host = parts.netloc.rpartition("@")[2]
    header = f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}"
    return urlunsplit(parts._replace(netloc=host)), _environment({f"http.https://{host}/.extraHeader": header})


def token_for(url: str, api_url: str, token: str | None) -> str | None:
    """Returns `token` if `url` is on the same GitHub as the API at `api_url`; no other host or port gets it."""
    api = _server(api_url)
    return token if _server(url) == ("github.com" if api == "api.github.com" else api) else None


def _server(url: str) -> str:
    """The host and port of `url`, without https's own port."""
    return urlsplit(url).netloc.rpartition("@")[2].lower().removesuffix(":443")


def _environment(settings: dict[str, str]) -> dict[str, str]:
    """See https://git-scm.com/docs/git-config#Documentation/git-config.txt-GITCONFIGCOUNT."""
    names = {f"GIT_CONFIG_KEY_{n}": name for n, name in enumerate(settings)}
    values = {f"GIT_CONFIG_VALUE_{n}": value for n, value in enumerate(settings.values())}
    return {"GIT_CONFIG_COUNT": str(len(settings)), **names, **values}
