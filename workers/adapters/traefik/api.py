"""What Traefik's API says of the updater's routers."""

from collections.abc import Iterable
from urllib.parse import quote

import httpx

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


def _errors(name: str, answer: httpx.Response) -> list[str]:
    if answer.status_code == httpx.codes.NOT_FOUND:
        return [f"{name}: it has no such router. Does it watch the directory of the route file?"]
    body = answer.raise_for_status().json()
    errors = body.get("error", ()) if isinstance(body, dict) else ()
    return [f"{name}: {error}" for error in errors]
