"""The parts `traefik` and `routed` of `stack.yml`: how clients reach the services that have two colors."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from app.config.part import Part
from app.config.routes.redis_routes import RedisPart
from app.config.routes.router_options import StickyOptions, TlsOptions
from app.domain.routing.matchers import RuleInvalid
from app.domain.routing.probe_request import unaskable
from app.domain.routing.routes import CATCH_ALL, ClientRoute, EntryPoint, HealthRequest, Scheme
from app.domain.routing.rule import parse
from app.domain.stack import Color, RoutedService, Traefik, made_colors

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
ServiceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")]
"""A service of the Compose files, with the characters that Compose allows."""

EntryPointName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
_Path = Annotated[str, Field(pattern=r"^/[!-~]*$")]
_Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?(:\d{1,5})?$")]
_HeaderValue = Annotated[str, Field(pattern=r"^[\x20-\x7e]{0,1000}$")]
_Middleware = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(@[a-z0-9][a-z0-9-]*)?$")]
_Status = Annotated[int, Field(ge=200, le=499)]


def _rule(text: str) -> str:
    try:
        parse(text)
    except RuleInvalid as problem:
        raise ValueError(f"Traefik would reject this rule. {str(problem)[0].upper()}{str(problem)[1:]}") from None
    return text


def _url(text: str) -> str:
    if not _is_url(text) or urlsplit(text).path not in {"", "/"} or urlsplit(text).query:
        raise ValueError("should be a URL without a path, such as http://traefik:80 or https://traefik:443")
    return text


def _page(text: str) -> str:
    if not _is_url(text) or not urlsplit(text).path:
        raise ValueError("should be a URL with a path, such as http://traefik:8082/metrics")
    return text


def _pages(value: Any) -> Any:
    listed = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in listed):
        raise ValueError("should be a URL, or a list of URLs")
    return tuple(map(_page, listed))


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return re.fullmatch(r"https?://[^\s/?#]+(/\S*)?", text) is not None and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is not a number up to 65535, or an IPv6 address is not valid
        return False


def _no_host(name: str) -> str:
    if name.lower() == "host":
        raise ValueError("set health/host instead: it is the host of the request, also in TLS")
    return name


def _point(value: Any) -> Any:
    """A text, or a list, is short for a mapping. Its `url` may be a list too: one URL for each Traefik."""
    point = {"url": value} if isinstance(value, str | list) else value
    if not isinstance(point, dict) or not isinstance(point.get("url"), list):
        return point
    first, *others = point["url"] or [""]
    return {**point, "url": first, "others": others}


def _alike(others: list[str], info: ValidationInfo) -> list[str]:
    urls = [*([info.data["url"]] if "url" in info.data else []), *others]
    if len({url.rstrip("/").lower() for url in urls}) < len(urls):
        raise ValueError("names a Traefik twice")
    if len({url.lower().startswith("https:") for url in urls}) > 1:
        raise ValueError("should be all https:// or all http://: they are the same entrypoint")
    return others


def _needed(entrypoint: str | None, info: ValidationInfo) -> str | None:
    if entrypoint is None and info.data.get("routes") == []:
        raise ValueError("is missing")
    return entrypoint


def _either(color: str | None, info: ValidationInfo) -> str | None:
    made_from = info.data.get("made_from", "")
    if color is None and made_from is None:
        one = ". If the Compose files have one service for both colors, write `service: <its name>` in place of both"
        raise ValueError(f"is missing{one if info.field_name == Color.BLUE else ''}")
    if color is not None and made_from:
        raise ValueError(
            f"would be ignored, because both colors are made from the service {made_from}. Remove blue and green; or "
            "remove `service`, if the Compose files have a service for each color"
        )
    return color


def _path_alone(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, int) else value


def _text(value: Any) -> Any:
    """Numbers and truth values are written without quotes in YAML, but a header's value is text."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


_OfAColor = Annotated[ServiceName | None, AfterValidator(_either)]
_Url = Annotated[str, AfterValidator(_url)]
_HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$"), AfterValidator(_no_host)]


class _EntryPoint(Part):
    url: _Url
    verify: bool = False
    others: Annotated[list[_Url], AfterValidator(_alike)] = Field(default_factory=list)


class TraefikPart(Part):
    """How the worker reaches Traefik."""

    entrypoints: dict[EntryPointName, Annotated[_EntryPoint, BeforeValidator(_point)]] = Field(min_length=1)
    metrics: Annotated[tuple[str, ...], BeforeValidator(_pages)] = ()
    api: _Url | None = None
    redis: RedisPart | None = None
    rollout_header: str = Field("X-Updater-Rollout", pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")
    backend_idle: Seconds = 3

    def traefik(self) -> Traefik:
        points = {n: EntryPoint(each.url, each.verify, tuple(each.others)) for n, each in self.entrypoints.items()}
        redis = self.redis.routes() if self.redis else None
        return Traefik(points, redis=redis, **self.model_dump(exclude={"entrypoints", "redis"}))


class _Health(Part):
    path: _Path
    host: _Host | None = None
    headers: dict[_HeaderName, Annotated[_HeaderValue, BeforeValidator(_text)]] = Field(default_factory=dict)
    status: Annotated[list[_Status], BeforeValidator(_one_or_more)] = Field(default_factory=list)


class _RouteOptions(Part):
    """The keys of one route. They may also stand in the service itself, if it has no `routes`."""

    rule: Annotated[str, Field(min_length=1), AfterValidator(_rule)] = CATCH_ALL
    tls: TlsOptions = None
    middlewares: list[_Middleware] = Field(default_factory=list)
    priority: int = Field(0, ge=-(2**31), le=2**31 - 1)

    def route(self, entrypoint: str) -> ClientRoute:
        return ClientRoute(
            entrypoint, self.rule, cast("dict[str, Any] | None", self.tls), tuple(self.middlewares), self.priority
        )


class _Route(_RouteOptions):
    """One of several routes."""

    entrypoint: EntryPointName


class RoutedPart(_RouteOptions):
    """One service with two colors: one that the updater makes them from, or one for each."""

    made_from: ServiceName | None = Field(None, alias="service")
    blue: _OfAColor = Field(None, validate_default=True)
    green: _OfAColor = Field(None, validate_default=True)
    port: int = Field(ge=1, le=65_535)
    scheme: Scheme = Scheme.HTTP
    health: Annotated[_Health, BeforeValidator(_path_alone)]
    routes: list[_Route] = Field(default_factory=list, max_length=20)
    entrypoint: Annotated[EntryPointName | None, AfterValidator(_needed)] = Field(None, validate_default=True)
    network: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] | None = None
    sticky: StickyOptions = None

    def service(self, name: str) -> RoutedService:
        health = self.health
        return RoutedService(
            name=name,
            colors=self.colors,
            port=self.port,
            health=HealthRequest(health.path, health.host, health.headers, frozenset(health.status)),
            routes=tuple(part.route(entrypoint) for entrypoint, part in self._routes()),
            scheme=self.scheme,
            network=self.network,
            sticky=cast("dict[str, Any] | None", self.sticky),
            made_from=self.made_from,
        )

    @property
    def colors(self) -> dict[Color, str]:
        """The Compose service of each color."""
        if self.made_from:
            return made_colors(self.made_from)
        return {Color.BLUE: self.blue or "", Color.GREEN: self.green or ""}

    def compose_services(self) -> Iterator[tuple[str, str]]:
        """The keys whose values are Compose services, each with the names that it takes."""
        if self.made_from:
            yield from (("service", name) for name in (self.made_from, *self.colors.values()))
        else:
            yield from ((str(color), name) for color, name in self.colors.items())

    def problems(self, name: str, traefik: Traefik) -> Iterator[str]:
        """What contradicts itself or the entrypoints, each with its path in the file."""
        path = f"routed/{name}"
        both = sorted(self.model_fields_set & set(_Route.model_fields)) if self.routes else []
        if both:
            yield f"{path}/routes: {', '.join(both)} of the service would be ignored: write it into each of the routes"
            return
        service = self.service(name)
        for place, route in self.places(name):
            yield from self._of_a_route(place, route, service, traefik)

    def places(self, name: str) -> Iterator[tuple[str, ClientRoute]]:
        """Each route with its path in the file."""
        for n, route in enumerate(self.service(name).routes):
            yield (f"routed/{name}/routes/{n}" if self.routes else f"routed/{name}"), route

    def _routes(self) -> list[tuple[str, _RouteOptions]]:
        """Each route with its entrypoint."""
        return [(part.entrypoint, part) for part in self.routes] or [(self.entrypoint or "", self)]

    @staticmethod
    def _of_a_route(path: str, route: ClientRoute, service: RoutedService, traefik: Traefik) -> Iterator[str]:
        point = traefik.entrypoints.get(route.entrypoint)
        if point is None:
            known = ", ".join(traefik.entrypoints)
            yield f"{path}/entrypoint: {route.entrypoint} is not in traefik/entrypoints ({known})"
        elif route.tls is not None and not point.secure:
            where = f"traefik/entrypoints/{route.entrypoint}"
            yield f"{path}/tls: the route takes only TLS, so write {where} as https://…, not {point.url}"
        elif why := unaskable(traefik, service, route):
            yield f"{path}/rule: {why}"
