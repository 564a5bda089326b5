# ruff: noqa: PLC0415 - httpx is imported when it is first used: see docs/architecture.md, "What a start costs"
"""What Traefik's API says of the updater's routers, and of those beside them."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from app.domain.errors import RouteNotConfirmed
from app.tls import verify_for

if TYPE_CHECKING:
    import httpx

READ_SECONDS = 2.0
MOST = 1000
"""The most items of a list to ask for. Traefik answers with 100 if a request has no `per_page`."""


async def complaints(api: str, routers: Iterable[str]) -> list[str]:
    """The errors of those routers and of their services, in Traefik's words; one sentence if the API cannot be read.

    https://doc.traefik.io/traefik/reference/install-configuration/api-dashboard/
    """
    import httpx

    found: dict[str, None] = {}
    try:
        async with _client(api) as client:
            for name in routers:
                found |= dict.fromkeys(_errors(name, await client.get(f"/api/http/routers/{quote(name, safe='')}")))
    except (httpx.HTTPError, ValueError) as error:
        return [f"its API at {api} cannot be read ({type(error).__name__})"]
    return list(found)


async def loaded(api: str) -> Mapping[str, Any]:
    """What Traefik has loaded: routers and services by name. Raises RouteNotConfirmed."""
    content = await _read(api, "/api/rawdata")
    return content if isinstance(content, dict) else {}


async def entrypoints(api: str) -> Mapping[str, Mapping[str, Any]]:
    """Traefik's entrypoints by name, each with its options. Raises RouteNotConfirmed."""
    content = await _read(api, f"/api/entrypoints?per_page={MOST}")
    listed = [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []
    return {str(each.get("name")): each for each in listed}


async def _read(api: str, path: str) -> Any:
    import httpx

    try:
        async with _client(api) as client:
            return (await client.get(path)).raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise RouteNotConfirmed(f"Traefik's API at {api} cannot be read ({type(error).__name__})") from error


def _client(api: str) -> "httpx.AsyncClient":
    import httpx

    return httpx.AsyncClient(timeout=READ_SECONDS, trust_env=False, verify=verify_for(api), base_url=api)


def _errors(name: str, answer: "httpx.Response") -> list[str]:
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return [f"{name}: it has no such router. Does it watch the directory of the route file?"]
    body = answer.raise_for_status().json()
    errors = body.get("error", ()) if isinstance(body, dict) else ()
    return [f"{name}: {error}" for error in errors]
