"""The requests that ask a service for its health, directly and through each of its routes."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.routing.probe_request import (
    MOST_HOSTS,
    SENT,
    ProbeRequest,
    direct_request,
    hidden,
    route_requests,
    unaskable,
)
from app.domain.routing.routes import ClientRoute, EntryPoint, HealthRequest, Scheme
from app.domain.stack import RoutedService, Traefik
from tests.examples import a_routed, a_stack

TRAEFIK = Traefik(
    {"web": EntryPoint("http://traefik:80/"), "websecure": EntryPoint("https://traefik:443", verify=True)}
)
SHOP = "Host(`shop.example.org`)"


def service(*routes: ClientRoute, **change: Any) -> RoutedService:
    health = change.pop("health", HealthRequest("/health?full=1"))
    return replace(a_routed("shop", 8000, "/", *(routes or (ClientRoute("web", SHOP),)), **change), health=health)


def through(*routed: RoutedService) -> tuple[ProbeRequest, ...]:
    """The requests through the routes of the first service, in a stack of all of them."""
    return route_requests(a_stack(traefik=TRAEFIK, routed=routed), routed[0])


def test_direct_request_has_the_host_of_the_first_route() -> None:
    asked = direct_request(TRAEFIK, service(ClientRoute("websecure", SHOP, {}), ClientRoute("web")), "10.0.0.7")
    assert (asked.url, asked.host) == ("http://10.0.0.7:8000/health?full=1", "shop.example.org")
    assert asked.headers == {**SENT, "X-Forwarded-Proto": "https"}
    assert (200 in asked.accepted, 301 in asked.accepted, asked.routed) == (True, False, frozenset())


def test_direct_request_without_a_host_in_the_rule_has_none() -> None:
    asked = direct_request(TRAEFIK, service(ClientRoute("web")), "10.0.0.7")
    assert (asked.host, asked.headers) == (None, {**SENT, "X-Forwarded-Proto": "http"})


def test_health_options_come_before_what_the_route_says() -> None:
    health = HealthRequest("/up", "inner", {"X-Forwarded-Proto": "https", "X-Key": "1"}, frozenset({204, 301}))
    asked = direct_request(TRAEFIK, service(health=health), "10.0.0.7")
    assert (asked.host, asked.headers, asked.accepted) == ("inner", {**SENT, **health.headers}, health.statuses)


@pytest.mark.parametrize(
    ("scheme", "url", "http2"),
    [
        (Scheme.HTTP, "http://10.0.0.7:8000/", False),
        (Scheme.HTTPS, "https://10.0.0.7:8000/", False),
        (Scheme.H2C, "http://10.0.0.7:8000/", True),
    ],
)
def test_direct_request_speaks_the_services_scheme(scheme: Scheme, url: str, http2: bool) -> None:
    asked = direct_request(TRAEFIK, service(scheme=scheme, health=HealthRequest("/")), "10.0.0.7")
    assert (asked.url, asked.http2) == (url, http2)


def test_each_route_is_asked_as_its_clients_ask() -> None:
    first, second = through(service(ClientRoute("websecure", SHOP, {}), ClientRoute("web")))
    assert (first.url, first.host, first.verify) == ("https://traefik:443/health?full=1", "shop.example.org", True)
    assert (second.url, second.host, second.verify) == ("http://traefik:80/health?full=1", None, False)


def test_route_that_excludes_the_health_path_is_proven_by_any_answer() -> None:
    (asked,) = through(service(ClientRoute("web", f"{SHOP} && PathPrefix(`/admin`)")))
    assert asked.url == "http://traefik:80/admin"
    assert (asked.accepted, 404 in asked.routed, 502 in asked.routed) == (frozenset(), True, False)


def test_health_path_that_clients_must_not_reach_is_not_asked_for() -> None:
    """It is asked for directly; the route is proven by another path."""
    asked = service(ClientRoute("web", f"{SHOP} && !PathPrefix(`/health`)"))
    (route,) = through(asked)
    assert (route.url, 404 in route.routed) == ("http://traefik:80/", True)
    assert direct_request(TRAEFIK, asked, "10.0.0.2").url == "http://10.0.0.2:8000/health?full=1"


def test_ipv6_address_is_asked_in_brackets() -> None:
    assert direct_request(TRAEFIK, service(), "fd00::2").url == "http://[fd00::2]:8000/health?full=1"


def test_host_of_the_health_request_is_compared_as_traefik_does() -> None:
    """Without its port, in lower case; the container is asked for it as it is written."""
    route = ClientRoute("web", "HostRegexp(`^.+\\.example$`)")
    asked = service(route, health=HealthRequest("/", "A.Example:8443"))
    assert unaskable(TRAEFIK, asked, route) is None
    assert through(asked)[0].host == "a.example"
    assert direct_request(TRAEFIK, asked, "10.0.0.2").host == "A.Example:8443"


def test_middleware_may_answer_in_place_of_the_service() -> None:
    (asked,) = through(service(ClientRoute("web", middlewares=("auth@file",))))
    assert {401, 302} <= asked.routed
    assert not {404, 500} & asked.routed
    assert 401 not in asked.accepted


@pytest.mark.parametrize(
    ("rule", "url"),
    [
        ("!Query(`full`, `1`)", "http://traefik:80/"),
        ("Query(`full`, `1`)", "http://traefik:80/health?full=1"),
        ("Query(`v`, `2`)", "http://traefik:80/health?full=1&v=2"),
        ("Query(`full`, `2`)", "http://traefik:80/health?full=1&full=2"),
    ],
)
def test_query_of_the_health_path_counts(rule: str, url: str) -> None:
    (asked,) = through(service(ClientRoute("web", f"{SHOP} && {rule}")))
    assert asked.url == url


def test_condition_on_a_query_or_header_is_met() -> None:
    (asked,) = through(service(ClientRoute("web", "Query(`v`, `a b`) && Header(`X-T`, `1`)")))
    assert (asked.url, asked.headers) == ("http://traefik:80/health?full=1&v=a+b", {**SENT, "X-T": "1"})


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("HostRegexp(`^.+\\.example$`)", "write one of them as health/host"),
        ("PathRegexp(`^/v[0-9]$`)", "write a health/path that it matches"),
        ("Method(`POST`)", "write the route without Method"),
        ("HeaderRegexp(`X-Tenant`, `.*`)", "write the header into health/headers"),
        ("HeaderRegexp(`User-Agent`, `Mozilla`)", "write the header into health/headers"),
    ],
)
def test_route_that_cannot_be_asked_has_a_remedy(rule: str, why: str) -> None:
    route = ClientRoute("web", rule)
    assert why in str(unaskable(TRAEFIK, service(route), route))
    assert unaskable(TRAEFIK, service(), ClientRoute("web", SHOP)) is None


def test_host_of_the_health_request_fits_an_expression() -> None:
    route = ClientRoute("web", "HostRegexp(`^.+\\.example$`)")
    asked = service(route, health=HealthRequest("/", "a.example"))
    assert unaskable(TRAEFIK, asked, route) is None
    assert through(asked)[0].host == "a.example"


def two(first: str, second: str, health: str = "/api/health", **change: Any) -> tuple[RoutedService, RoutedService]:
    """Two services with one route each at the same entrypoint."""
    web = service(ClientRoute("web", first, **change), health=HealthRequest(health))
    return web, replace(service(ClientRoute("web", second)), name="api")


@pytest.mark.parametrize(
    ("second", "url"),
    [
        (f"{SHOP} && PathPrefix(`/api`)", "http://traefik:80/"),
        (f"{SHOP} && (PathPrefix(`/api`) || Path(`/`))", "http://traefik:80/updater-probe"),
        (f"{SHOP} && PathPrefix(`/other`)", "http://traefik:80/api/health"),
        ("PathPrefix(`/api`)", "http://traefik:80/api/health"),
    ],
    ids=["its-path", "its-path-and-the-root", "another-path", "the-shorter-rule-comes-last"],
)
def test_route_is_asked_for_what_no_other_route_takes(second: str, url: str) -> None:
    """Traefik asks the longer rule first, so another service would answer."""
    (asked,) = through(*two(SHOP, second))
    assert asked.url == url
    assert (200 in asked.accepted) is url.endswith("/api/health")


def test_other_routes_of_the_same_service_are_avoided_too() -> None:
    guarded = ClientRoute("web", f"{SHOP} && (Path(`/metrics`) || Path(`/health`))", {}, ("office@file",))
    first, second = through(
        service(ClientRoute("web", SHOP), replace(guarded, tls=None), health=HealthRequest("/health"))
    )
    assert (first.url, second.url) == ("http://traefik:80/", "http://traefik:80/health")


def test_every_host_of_a_rule_is_asked_for() -> None:
    """Only the first host is asked for its health: an application may redirect the others."""
    rule = "(Host(`b.example`) || Host(`a.example`) || Host(`*.c.example`)) && PathPrefix(`/`)"
    first, *others = through(service(ClientRoute("websecure", rule, {})))
    assert (first.host, 200 in first.accepted, first.verify) == ("b.example", True, True)
    assert [request.host for request in others] == ["a.example", "updater-probe.c.example"]
    assert {(request.accepted, 301 in request.routed, request.verify) for request in others} == {
        (frozenset(), True, False)
    }


def test_many_hosts_of_a_rule_are_not_all_asked_for() -> None:
    rule = " || ".join(f"Host(`h{n}.example`)" for n in range(40))
    assert [request.host for request in through(service(ClientRoute("web", rule)))] == [
        f"h{n}.example" for n in range(MOST_HOSTS)
    ]


def test_host_that_another_route_has_is_avoided() -> None:
    (asked,) = through(*two("Host(`a.b`) || Host(`c.d`)", "Host(`a.b`) && PathPrefix(`/`)"))
    assert asked.host == "c.d"


def test_route_without_a_request_of_its_own_is_named() -> None:
    web, api = two(SHOP, f"{SHOP} && PathPrefix(`/`)")
    assert "goes to a route of routed/api" in str(hidden(TRAEFIK, (web, api), web, web.routes[0]))
    assert hidden(TRAEFIK, (web, api), api, api.routes[0]) is None
    first, _ = two(SHOP, f"{SHOP} && PathPrefix(`/`)", priority=1000)
    assert hidden(TRAEFIK, (first, api), first, first.routes[0]) is None


def test_every_traefik_is_asked_as_the_first_one() -> None:
    points = {"web": EntryPoint("http://one:80/", others=("http://two:81", "http://shop.example.org"))}
    stack = a_stack(traefik=Traefik(points), routed=(service(ClientRoute("web", SHOP), ClientRoute("web")),))
    asked = route_requests(stack, stack.routed[0])
    assert [(each.url, each.host) for each in asked] == [
        ("http://one:80/health?full=1", "shop.example.org"),
        ("http://two:81/health?full=1", "shop.example.org"),
        ("http://shop.example.org/health?full=1", None),
        ("http://one:80/health?full=1", None),
        ("http://two:81/health?full=1", "one"),
        ("http://shop.example.org/health?full=1", "one"),
    ]
    assert [each.route for each in asked] == ["shop.shop.1"] * 3 + ["shop.shop.2"] * 3
