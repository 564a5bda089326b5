"""Makes one timed GET with httpx."""

import time

import httpx

from workers.ports import Answer


class HttpProbe:
    """Opens a new connection for each probe: a kept connection would hide that the service no longer listens."""

    def __init__(self, header: str, timeout: float) -> None:
        self._header = header
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.AsyncClient(timeout=timeout, limits=limits, trust_env=False, follow_redirects=False)

    async def get(self, url: str) -> Answer:
        started = time.monotonic()
        try:
            response = await self._client.get(url)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer(0, time.monotonic() - started, error=f"no answer ({type(error).__name__})")
        rollout = response.headers.get(self._header)
        return Answer(response.status_code, time.monotonic() - started, rollout)

    async def aclose(self) -> None:
        await self._client.aclose()
