import pytest

from app.cli.init.project.health_checks import ProbeAddress
from app.cli.init.traefik.dynamic.labels import defined_middlewares, label_routes
from app.cli.init.traefik.dynamic.routes import FoundRoute, RouteTarget
from app.cli.init.traefik.dynamic.streams import label_streams

LABELS = {
    "traefik.enable": "true",
    "traefik.http.routers.Web.rule": "Host(`shop.example.org`)",
    "traefik.http.routers.Web.entryPoints": "web,websecure",
    "traefik.http.routers.Web.tls": "true",
    "traefik.http.routers.Web.tls.certresolver": "le",
    "traefik.http.routers.Web.middlewares": "auth@docker",
    "traefik.http.services.web.loadbalancer.server.port": "8000",
    "traefik.http.services.web.loadbalancer.healthcheck.path": "/up",
}


@pytest.mark.parametrize("labels", [LABELS, [f"{name}={value}" for name, value in LABELS.items()]])
def test_router_in_labels_becomes_a_route(labels: object) -> None:
    assert label_routes("web-blue", {"labels": labels}) == [
        FoundRoute(
            "label of web-blue",
            "Web",
            (RouteTarget("web-blue", 8000),),
            ("web", "websecure"),
            "Host(`shop.example.org`)",
            tls=True,
            health=ProbeAddress(None, "/up"),
            options={"tls": {"certresolver": "le"}, "middlewares": ["auth@docker"]},
            label_service="web",
            container="web-blue",
        )
    ]


def test_service_without_router_yields_its_port() -> None:
    labels = {"traefik.http.services.web.loadbalancer.server.port": "8000"}
    (found,) = label_routes("web-blue", {"labels": labels})
    assert (found.router, found.servers) == ("", (RouteTarget("web-blue", 8000),))


def test_router_uses_its_named_service_and_scheme() -> None:
    labels = {
        "traefik.http.routers.r.service": "b",
        "traefik.http.services.a.loadbalancer.server.port": "1",
        "traefik.http.services.b.loadbalancer.server.port": "2",
        "traefik.http.services.b.loadbalancer.server.scheme": "https",
    }
    (found,) = label_routes("x", {"labels": labels})
    assert (found.servers, found.of_service) == ((RouteTarget("x", 2, "https"),), {"scheme": "https"})


def test_disabled_or_missing_labels_are_ignored() -> None:
    assert label_routes("x", {"labels": {**LABELS, "traefik.enable": "False"}}) == []
    assert label_routes("x", {}) == []


def test_names_that_differ_only_in_case_are_one() -> None:
    labels = {
        "traefik.http.routers.shop.rule": "Host(`a.b`)",
        "traefik.http.routers.Shop.middlewares": "auth@file",
        "traefik.http.services.shop.loadbalancer.server.port": "8000",
        "traefik.http.services.SHOP.loadbalancer.sticky.cookie.name": "seat",
        "traefik.http.middlewares.Auth.basicauth.users": "a:x",
        "traefik.http.middlewares.auth.basicauth.realm": "shop",
    }
    (found,) = label_routes("x", {"labels": labels})
    assert (found.router, found.rule, found.options) == ("Shop", "Host(`a.b`)", {"middlewares": ["auth@file"]})
    assert (found.servers, found.of_service) == ((RouteTarget("x", 8000),), {"sticky": {"cookie": {"name": "seat"}}})
    assert defined_middlewares({"labels": labels}) == ["Auth"]


def test_domains_of_labels_are_joined_in_order() -> None:
    prefix = "traefik.http.routers.shop.tls"
    labels = {
        "traefik.http.routers.shop.rule": "Host(`a.b`)",
        f"{prefix}.certresolver": "le",
        f"{prefix}.domains[10].main": "c.d",
        f"{prefix}.domains[2].main": "a.b",
        f"{prefix}.domains[2].sans": "*.a.b,www.a.b",
    }
    (found,) = label_routes("x", {"labels": labels})
    domains = [{"main": "a.b", "sans": ["*.a.b", "www.a.b"]}, {"main": "c.d"}]
    assert (found.options, found.lost) == ({"tls": {"certresolver": "le", "domains": domains}}, ())


def test_tcp_names_that_differ_only_in_case_are_one() -> None:
    labels = {"traefik.tcp.routers.a.rule": "HostSNI(`*`)", "traefik.tcp.routers.A.middlewares": "office"}
    (found,) = label_streams("x", {"labels": labels})
    assert found.guards == ("office",)
