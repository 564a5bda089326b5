"""What Traefik's API says of the updater's routers, and of those beside them."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from app.domain.errors import RouteNotConfirmed

READ_SECONDS = 2.0


async def complaints(api: str, routers: Iterable[str]) -> list[str]:
    """The errors of those routers and of their services, in Traefik's words; one sentence if the API cannot be read.

    https://doc.traefik.io/traefik/reference/install-configuration/api-dashboard/
    """
    found: dict[str, None] = {}
    try:
        async with httpx.AsyncClient(timeout=READ_SECONDS, trust_env=False, base_url=api) as client:
            for name in routers:
                found |= dict.fromkeys(_errors(name, await client.get(f"/api/http/routers/{quote(name, safe='')}")))
    except (httpx.HTTPError, ValueError) as error:
        return [f"its API at {api} cannot be read ({type(error).__name__})"]
    return list(found)


async def loaded(api: str) -> Mapping[str, Any]:
    """What Traefik has loaded: routers and services by name. Raises RouteNotConfirmed."""
    try:
        async with httpx.AsyncClient(timeout=READ_SECONDS, trust_env=False, base_url=api) as client:
            content = (await client.get("/api/rawdata")).raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise RouteNotConfirmed(f"Traefik's API at {api} cannot be read ({type(error).__name__})") from error
    return content if isinstance(content, dict) else {}


def _errors(name: str, answer: httpx.Response) -> list[str]:
    if answer.status_code == httpx.codes.NOT_FOUND:
        return [f"{name}: it has no such router. Does it watch the directory of the route file?"]
    body = answer.raise_for_status().json()
    errors = body.get("error", ()) if isinstance(body, dict) else ()
    return [f"{name}: {error}" for error in errors]
