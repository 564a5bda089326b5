# ruff: noqa: PLC0415 - httpx and the parser are imported when they are first used: see docs/architecture.md, "What a start costs"
"""Reads Traefik's Prometheus metrics: client responses by service."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from app.domain.errors import TrafficUnknown
from app.domain.stack import Color, Stack
from app.domain.traffic import Tally
from app.tls import verify_for
from workers.routing.names import metrics_name

if TYPE_CHECKING:
    import httpx
    from prometheus_client.samples import Sample

READ_SECONDS = 2.0
LARGEST = 16 * 1024 * 1024
FAMILY = "traefik_service_requests"
DURATION = "traefik_service_request_duration_seconds"
"""https://doc.traefik.io/traefik/observability/metrics/overview/#service-metrics"""


class TraefikMetrics:
    """Reads the pages at `urls`, one of each Traefik, for the routed services of `stack`."""

    def __init__(self, urls: Sequence[str], stack: Stack) -> None:
        self._pages = [_Page(url) for url in urls]
        self._names = {
            metrics_name(stack, service, color): (color, service.name) for service in stack.routed for color in Color
        }

    async def tallies(self) -> Mapping[Color, Mapping[str, Tally]]:
        """What all Traefiks have counted together."""
        return added(await asyncio.gather(*(page.tallies(self._names) for page in self._pages)))

    async def aclose(self) -> None:
        for page in self._pages:
            await page.aclose()


def added(pages: Sequence[Mapping[Color, Mapping[str, Tally]]]) -> dict[Color, dict[str, Tally]]:
    """The sum of what each Traefik has counted."""
    result: dict[Color, dict[str, Tally]] = {color: {} for color in Color}
    for page in pages:
        for color, counted in page.items():
            result[color] |= {name: tally.plus(result[color].get(name, Tally())) for name, tally in counted.items()}
    return result


class _Page:
    def __init__(self, url: str) -> None:
        self._url = url
        self._client: httpx.AsyncClient | None = None

    async def tallies(self, names: Mapping[str, tuple[Color, str]]) -> dict[Color, dict[str, Tally]]:
        page = await self._page()
        try:
            return await asyncio.to_thread(read, page, names)
        except ValueError as error:
            raise TrafficUnknown(f"{self._url} is not a metrics page ({error})") from error

    async def aclose(self) -> None:
        if self._client:
            await self._client.aclose()

    async def _page(self) -> str:
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(timeout=READ_SECONDS, trust_env=False, verify=verify_for(self._url))
        try:
            async with asyncio.timeout(READ_SECONDS), self._client.stream("GET", self._url) as answer:
                answer.raise_for_status()
                return (await self._body(answer)).decode("utf-8", "replace")
        except (httpx.HTTPError, TimeoutError) as error:
            raise TrafficUnknown(f"{self._url}: {type(error).__name__} {error}".rstrip()) from error

    async def _body(self, answer: "httpx.Response") -> bytes:
        body = bytearray()
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > LARGEST:
                raise TrafficUnknown(f"{self._url} has more than {LARGEST} bytes")
        return bytes(body)


def read(page: str, names: Mapping[str, tuple[Color, str]]) -> dict[Color, dict[str, Tally]]:
    """Counts requests, 5xx responses and seconds, over all methods, by color and service.

    `names`: Traefik's name of each service, and the color and name in the stack file. Raises ValueError.
    """
    from prometheus_client.parser import text_string_to_metric_families

    found: dict[Color, dict[str, Tally]] = {color: {} for color in Color}
    for color, name in names.values():
        found[color][name] = Tally()
    for family in text_string_to_metric_families(page):
        for sample in family.samples if family.name in {FAMILY, DURATION} else ():
            if known := names.get(sample.labels.get("service", "")):
                color, name = known
                found[color][name] = found[color][name].plus(_tally(sample))
    return found


def _tally(sample: "Sample") -> Tally:
    if sample.name == f"{DURATION}_sum":
        return Tally(seconds=sample.value)
    if sample.name != f"{FAMILY}_total":
        return Tally()
    count, failed = int(sample.value), sample.labels.get("code", "").startswith("5")
    return Tally(count, count if failed else 0)
