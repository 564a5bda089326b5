from typing import Any

import pytest

from app.cli.init.project.health_checks import ProbeAddress
from app.cli.init.traefik.dynamic.routes import FoundRoute, RouteTarget, routes


def service(url: str, **more: Any) -> dict[str, Any]:
    return {"loadBalancer": {"servers": [{"url": url}], **more}}


def only(router: dict[str, Any], **services: Any) -> FoundRoute:
    (found,) = routes({"r.yml": {"http": {"routers": {"r": {"service": "s", **router}}, "services": services}}})
    return found


def test_router_becomes_a_complete_route() -> None:
    router = {"entryPoints": ["web"], "rule": "Path(`/`)", "priority": 7, "tls": {}}
    found = only(router, s=service("http://web-blue:8000"))
    assert found == FoundRoute(
        "router r in r.yml",
        "r",
        (RouteTarget("web-blue", 8000),),
        ("web",),
        "Path(`/`)",
        tls=True,
        options={"tls": True, "priority": 7},
        file="r.yml",
    )


def test_keys_ignore_case_and_scheme_sets_the_port() -> None:
    document = {
        "HTTP": {
            "Routers": {"r": {"entrypoints": "a, b", "RULE": "x", "Service": "s@file"}},
            "services": {
                "s": {"loadbalancer": {"servers": [{"URL": "https://web"}, {"url": "http://web"}, {"url": 1}]}}
            },
        }
    }
    (found,) = routes({"r.yml": document})
    assert found.entrypoints == ("a", "b")
    assert found.servers == (RouteTarget("web", 443, "https"), RouteTarget("web", 80))


@pytest.mark.parametrize(
    "outer",
    [
        {"weighted": {"services": [{"name": "blue", "weight": 1}, {"name": "s"}]}},
        {"mirroring": {"service": "blue", "mirrors": []}},
        {"failover": {"service": "blue@file", "fallback": "s"}},
    ],
)
def test_nested_services_are_followed_once(outer: dict[str, Any]) -> None:
    assert only({"rule": "x"}, s=outer, blue=service("http://b:1")).servers == (RouteTarget("b", 1),)


def test_services_are_found_across_files_or_alone() -> None:
    found = routes(
        {
            "a.yml": {"http": {"routers": {"r": {"rule": "x", "service": "blue"}}}},
            "b.yml": {"http": {"services": {"blue": service("http://b:1"), "green": service("http://g:2")}}},
            "c.yml": {"tls": {}, "http": None},
        }
    )
    assert [(r.where, r.router, r.servers[0].port) for r in found] == [
        ("router r in a.yml", "r", 1),
        ("service green in b.yml", "", 2),
    ]


def test_unsupported_settings_are_listed_as_lost() -> None:
    router = {
        "rule": "x",
        "middlewares": ["auth", "gzip@file"],
        "tls": {"certResolver": "le", "domains": [{"mains": "x"}]},
    }
    found = only(router, s=service("h2c://b:1", serversTransport="mtls", sticky={"cookie": {}}, passHostHeader=False))
    assert found.lost == ("tls/domains", "serversTransport mtls", "passHostHeader false")
    assert found.options == {"tls": {"certResolver": "le"}, "middlewares": ["auth@file", "gzip@file"]}
    assert found.of_service == {"scheme": "h2c", "sticky": {"cookie": {}}}


def test_domains_of_certificates_are_kept() -> None:
    tls = {"certResolver": "le", "domains": [{"main": "a.b", "sans": ["*.a.b"]}, {"Main": "c.d"}]}
    found = only({"rule": "x", "tls": tls}, s=service("http://b:1"))
    domains = [{"main": "a.b", "sans": ["*.a.b"]}, {"main": "c.d"}]
    assert (found.options, found.lost) == ({"tls": {"certResolver": "le", "domains": domains}}, ())


def test_updaters_own_settings_are_not_lost() -> None:
    router = {"rule": "x", "middlewares": ["updater-rollout"], "observability": {"metrics": False}}
    assert only(router, s=service("http://b:1", serversTransport="updater", passHostHeader=True)).lost == ()


def test_middleware_with_a_name_like_ours_is_kept() -> None:
    router = {"rule": "x", "middlewares": ["updater-auth", "updater-rollout", "updater.shop.web.1"]}
    assert only(router, s=service("http://b:1")).options == {"middlewares": ["updater-auth@file"]}


def test_traefik_check_may_have_a_port_of_its_own() -> None:
    assert only({}, s=service("http://b:1", healthCheck={"path": "/up"})).health == ProbeAddress(None, "/up")
    assert only({}, s=service("http://b:1", healthCheck={"path": "/up", "port": 9})).health == ProbeAddress(9, "/up")


@pytest.mark.parametrize("document", [{}, {"http": []}, {"http": {"routers": []}}, {"http": {"routers": {"r": 1}}}])
def test_a_document_without_routers_has_no_route(document: dict[str, Any]) -> None:
    assert routes({"x.yml": document}) == []
