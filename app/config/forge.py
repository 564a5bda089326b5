"""Which kind of server GITHUB_API_URL is, and whether the stack file fits it.

Gitea, Forgejo and Codeberg have an API under `/api/v1` that answers as GitHub's does, as far as releases go.
https://docs.gitea.com/development/api-usage
"""

from urllib.parse import urlsplit

from app.domain.errors import SettingsInvalid
from app.domain.stack import Stack

API_PATH = "/api/v1"
ENTERPRISE_PATH = "/api/v3"
"""GitHub's own API has no path, and that of a GitHub Enterprise Server has this one."""

KNOWN_HOSTS = ("codeberg.org", "gitea.com")


def is_gitea(api_url: str) -> bool:
    """Whether the API at `api_url` is that of a Gitea or a Forgejo: releases only, without deployments."""
    return urlsplit(api_url).path.rstrip("/").endswith(API_PATH)


def web_of(api_url: str) -> str | None:
    """Where people open the server whose API is at `api_url`, without a slash at its end; None if that is not known.

    https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api
    """
    parts, url = urlsplit(api_url), api_url.rstrip("/")
    for path in (API_PATH, ENTERPRISE_PATH):
        if parts.path.rstrip("/").endswith(path):
            return url.removesuffix(path)
    host = parts.hostname or ""
    cloud = host == "api.github.com" or (host.startswith("api.") and host.endswith(".ghe.com"))
    return f"https://{host.removeprefix('api.')}" if cloud else None


def check_forge(stack: Stack, api_url: str) -> None:
    """Raises SettingsInvalid if releases would be listed on one server, and fetched from another by mistake.

    The default of `source` is on github.com, where the same name may be another program.
    """
    if is_gitea(api_url) and stack.source == f"https://github.com/{stack.repository}.git":
        web = api_url.rstrip("/").removesuffix(API_PATH)
        raise SettingsInvalid(
            f"GITHUB_API_URL is a Gitea or a Forgejo ({api_url}), and `source` in the stack file is on github.com, "
            f"its default. Traffic is unchanged. Write `source: {web}/{stack.repository}.git` in the stack file"
        )


def api_problem(api_url: str) -> str | None:
    """What is wrong with the URL of a well-known server's API; None if it is not one of them, or right."""
    host = urlsplit(api_url).hostname or ""
    if host in KNOWN_HOSTS and not is_gitea(api_url):
        return f"should be https://{host}{API_PATH}"
    return None
