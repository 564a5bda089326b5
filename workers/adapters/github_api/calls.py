"""Requests to GitHub's API, through githubkit.

githubkit retries by default: it repeats a POST after a 5xx, and waits out a rate limit of any length. Both are
switched off: the caller waits, with a limit, and checks what exists before it creates.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
from githubkit import GitHub as Client
from githubkit import Response
from githubkit.exception import GitHubException, RateLimitExceeded, RequestError, RequestFailed

from app.domain.errors import GitHubRefused, GitHubUnavailable
from app.tls import verify_for

CALL_SECONDS = 15.0
API_VERSION = "2022-11-28"
SERVER_ERROR = 500
NOT_MODIFIED = 304
MOVED = frozenset({301, 302, 307, 308})
"""GitHub's redirects, for example of a renamed repository. The request is repeated at the new address as it is.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
"""

MOVES = 3
"""How many redirects in a row to follow at most."""


class GitHubCalls:
    """Calls paths below what `here` returns, such as `/repos/octo/shop`, on the GitHub at `api_url`."""

    def __init__(self, here: Callable[[], str], *, api_url: str, token: str | None) -> None:
        self._here = here
        self._client: Client[Any] = Client(
            token,
            base_url=api_url,
            timeout=CALL_SECONDS,
            ssl_verify=verify_for(api_url),
            auto_retry=False,
            http_cache=False,
            follow_redirects=False,  # httpx would follow to any server, and believe its answer
            user_agent="zetherion-updater",
        )

    def open(self) -> AbstractAsyncContextManager[Any]:
        """Keeps connections open during the `with` block."""
        return self._client

    async def call(self, method: str, path: str, **more: Any) -> Response[Any]:
        """Raises GitHubUnavailable, GitHubRefused."""
        headers = {"X-GitHub-Api-Version": API_VERSION, **more.pop("headers", {})}
        url = f"{self._here()}{path}"
        what = f"{method} {url}"
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await self._followed(what, method, url, headers=headers, **more)
        except TimeoutError as late:
            raise GitHubUnavailable(f"{what}: no answer within {CALL_SECONDS:.0f} s") from late
        except RateLimitExceeded as limit:
            wait = limit.retry_after.total_seconds()
            raise GitHubUnavailable(f"{what}: the rate limit is used up", wait=wait, sent=False) from limit
        except RequestFailed as failed:
            raise _failed(what, failed.response) from failed
        except RequestError as error:
            detail = f"{what}: no answer ({type(error.exc).__name__})"
            raise GitHubUnavailable(detail, sent=not isinstance(error.exc, httpx.ConnectError)) from error
        except GitHubException as error:
            raise GitHubUnavailable(f"{what}: {type(error).__name__}") from error

    async def _followed(self, what: str, method: str, url: str, **more: Any) -> Response[Any]:
        """Makes the request, and follows redirects on the same server only: another one is not GitHub."""
        response = await self._client.arequest(method, url, **more)
        first, moves = response.url, 0
        more.pop("params", None)  # a new address has its own
        while response.is_redirect and response.status_code != NOT_MODIFIED:
            new = _new_address(what, response, first)
            if (moves := moves + 1) > MOVES:
                raise GitHubRefused(f"{what}: more than {MOVES} redirects", status=response.status_code)
            response = await self._client.arequest(method, str(new), **more)
        return response


def _new_address(what: str, response: Response[Any], first: httpx.URL) -> httpx.URL:
    """Where GitHub redirects to. Raises GitHubRefused unless that is on the server that was asked first."""
    status, location = response.status_code, response.headers.get("Location")
    if status not in MOVED or location is None:
        raise GitHubRefused(f"{what}: HTTP {status}, a redirect without an address", status=status)
    try:
        new = response.url.join(location)
    except (ValueError, httpx.InvalidURL) as error:
        raise GitHubRefused(f"{what}: HTTP {status}, a redirect to an invalid address", status=status) from error
    if _origin(new) != _origin(first):
        raise GitHubRefused(
            f"{what}: HTTP {status}, a redirect to another server ({new.scheme}://{new.host}), which gets no token and "
            "whose answer is not used. If GitHub has moved there, set GITHUB_API_URL to it.",
            status=status,
        )
    return new


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _failed(what: str, response: Response[Any]) -> GitHubUnavailable | GitHubRefused:
    status = response.status_code
    if status >= SERVER_ERROR:
        return GitHubUnavailable(f"{what}: HTTP {status}")
    try:
        message = str(response.json().get("message", ""))[:200]
    except (ValueError, AttributeError):
        message = ""
    return GitHubRefused(f"{what}: HTTP {status} {message}".rstrip(), status=status)
