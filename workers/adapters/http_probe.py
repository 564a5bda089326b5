# ruff: noqa: PLC0415 - httpx is imported when it is first used: see docs/architecture.md, "What a start costs"
"""Sends one timed request with httpx."""

import asyncio
import ssl
import time
from typing import TYPE_CHECKING

from app.domain.long_lines import shortened
from app.domain.routing.probe_request import ProbeRequest, route_header
from workers.ports import Answer

if TYPE_CHECKING:
    import httpx

MOST_BODY = 64 * 1024
"""Bytes of a body that are read. The status has come before them; the rest is not needed."""
LOCATION_LENGTH = 200


class HttpProbe:
    """Opens a new connection for each probe: a kept connection would hide that the service no longer listens.

    `timeout`: seconds for the whole answer, however slowly it comes. Certificates are verified with the machine's own
    trust store: a private authority is trusted where it is installed, or named in SSL_CERT_FILE.
    """

    def __init__(self, header: str, timeout: float) -> None:
        self._header, self._timeout = header, timeout
        self._proven: set[str] = set()
        self._clients: dict[tuple[bool, bool], httpx.AsyncClient] = {}

    async def ask(self, request: ProbeRequest) -> Answer:
        import httpx

        started = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                return await self._ask(request, started)
        except TimeoutError:
            error = f"no complete answer within {self._timeout:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, ValueError) as failed:
            error = f"no answer ({_reason(failed)})"
        return Answer(0, time.monotonic() - started, error=error)

    async def _ask(self, request: ProbeRequest, started: float) -> Answer:
        headers = dict(request.headers) | ({"Host": request.host} if request.host else {})
        extensions = {"sni_hostname": request.host.partition(":")[0].rstrip(".")} if request.host else {}
        client = self._client(request)
        async with client.stream(request.method, request.url, headers=headers, extensions=extensions) as response:
            await _read(response)
        rollout = response.headers.get(self._header)
        by = response.headers.get(route_header(self._header))
        if not self._is_by_its_route(request, by):
            rollout = None  # another route answered: Traefik does not serve this one
        location = response.headers.get("Location") if response.has_redirect_location else None
        return Answer(
            response.status_code,
            time.monotonic() - started,
            rollout,
            accepted=request.accepted | (request.routed if rollout else frozenset()),
            location=location and shortened(location, LOCATION_LENGTH),
        )

    def _is_by_its_route(self, request: ProbeRequest, by: str | None) -> bool:
        """Whether the route that was asked may have answered. `by`: what the answer says.

        The version before wrote a name that a route of another stack may have too. It counts until the route answers
        with its whole name: the worker rewrites the route file when it starts.
        """
        if request.route is None or by is None:
            return True
        if by == request.route:
            self._proven.add(request.route)
            return True
        return by == request.route_before and request.route not in self._proven

    def _client(self, request: ProbeRequest) -> "httpx.AsyncClient":
        import httpx

        kind = request.verify, request.http2
        if kind not in self._clients:
            self._clients[kind] = httpx.AsyncClient(
                timeout=self._timeout,
                limits=httpx.Limits(max_keepalive_connections=0),
                trust_env=False,
                follow_redirects=False,
                verify=ssl.create_default_context() if request.verify else False,
                http1=not request.http2,
                http2=request.http2,
            )
        return self._clients[kind]

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.aclose()


async def _read(response: "httpx.Response") -> None:
    """Reads the start of the body, so that a service that breaks off there does not count as healthy."""
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size >= MOST_BODY:
            return


def _reason(error: Exception) -> str:
    """The kind of error, and for TLS its text: a certificate problem has many causes."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if "SSL" in text or "certificate" in text.lower() else type(error).__name__
