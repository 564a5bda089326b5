from typing import Any

import pytest

from app.domain.callers.names import FORMER_NAMES
from app.domain.errors import ComposeInvalid
from app.domain.routing.routes import ClientRoute
from app.domain.stack import Stack
from tests.examples import a_routed, a_stack
from workers.definition.services.colors import left_out, problems, with_colors

STARTED = {"condition": "service_started", "required": True}
HEALTHY = {"condition": "service_healthy", "required": True}


def made(name: str = "web", **change: Any) -> Any:
    return a_routed(name, 8000, "/health", ClientRoute("web", f"Host(`{name}`)"), made_from=name, **change)


STACK = a_stack(routed=(made(), a_routed("api", 8090, "/health", ClientRoute("api"))))


def model(web: dict[str, Any], **others: dict[str, Any]) -> dict[str, Any]:
    """The output of `compose config`."""
    written = {"api-blue": {"image": "api"}, "api-green": {"image": "api"}, "bot": {"image": "bot"}}
    return {"name": "shop", "services": {"web": {"image": "web", **web}, **written, **others}}


def services(web: dict[str, Any], stack: Stack = STACK, **others: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = with_colors(model(web, **others), stack)["services"]
    return found


def warnings(web: dict[str, Any], stack: Stack = STACK, **others: dict[str, Any]) -> list[str]:
    return list(left_out(model(web, **others), stack))


def test_one_service_becomes_both_colors() -> None:
    web = {"image": "web", "environment": {"MODE": "live"}, "hostname": "web", "restart": "always", "expose": ["9000"]}
    found = services(web)
    assert found["web-blue"] == found["web-green"] == web
    assert "web" not in found
    assert warnings(web) == []


def test_model_is_not_changed() -> None:
    source = model({"ports": [{"target": 80, "published": "8080"}]}, proxy={"depends_on": {"web": STARTED}})
    before = repr(source)
    with_colors(source, STACK)
    assert repr(source) == before


def test_written_colors_stay_as_they_are() -> None:
    stack = a_stack(routed=STACK.routed[1:])
    source = model({"container_name": "web", "ports": [{"target": 80, "published": "8080"}]})
    assert with_colors(source, stack) == source
    assert [*left_out(source, stack), *problems(source, stack)] == []


def test_colors_have_nothing_that_only_one_container_can_have() -> None:
    ports = [
        {"mode": "ingress", "host_ip": "127.0.0.1", "target": 8000, "published": "8080", "protocol": "tcp"},
        {"mode": "ingress", "target": 53, "published": "53", "protocol": "udp"},
        {"mode": "ingress", "target": 9000, "protocol": "tcp"},
    ]
    networks = {
        "front": {"ipv4_address": "10.0.0.5", "mac_address": "02:42:ac:11:00:02", "aliases": ["shop", "www"]},
        "back": {"ipv6_address": "fd00::5", "priority": 10},
        "default": None,
    }
    web = {
        "container_name": "shop-web",
        "mac_address": "02:42:ac:11:00:03",
        "ports": ports,
        "expose": ["9000"],
        "networks": networks,
    }
    found = services(web)["web-green"]
    assert found == {
        "image": "web",
        "expose": ["9000", "8000", "53/udp"],
        "networks": {"front": None, "back": {"priority": 10}, "default": None},
    }
    assert warnings(web) == [
        "web-blue and web-green are made from web without its container_name shop-web, published ports "
        "127.0.0.1:8080:8000, 53:53, 9000, networks/front/ipv4_address 10.0.0.5, networks/front/mac_address "
        "02:42:ac:11:00:02, networks/front/aliases shop and www, networks/back/ipv6_address fd00::5, mac_address "
        "02:42:ac:11:00:03: two copies cannot share that. Clients reach them through Traefik"
    ]


def test_names_that_the_colors_do_not_have_are_known() -> None:
    web = {"container_name": "shop-web", "networks": {"front": {"aliases": ["www"]}, "back": None}}
    assert with_colors(model(web), STACK)[FORMER_NAMES] == {"web": ["shop-web", "www"]}


def test_labels_of_routes_are_left_out() -> None:
    """Both colors would have them, so Traefik would send requests to the idle one."""
    route = {
        "traefik.http.routers.web.rule": "Host(`shop.example.org`)",
        "traefik.http.services.web.loadbalancer.server.port": "8000",
    }
    kept = {"traefik.enable": "true", "traefik.http.middlewares.auth.basicauth.users": "me:x", "team": "shop"}
    assert services({"labels": {**route, **kept}})["web-blue"]["labels"] == kept
    (warning,) = warnings({"labels": {**route, **kept}})
    assert "its label traefik.http.routers.web.rule, label traefik.http.services.web.loadbalancer" in warning


def test_service_with_the_name_of_a_color_is_refused() -> None:
    with pytest.raises(ComposeInvalid) as refused:
        with_colors(model({}, **{"web-green": {"image": "x"}}), STACK)
    assert refused.value.detail == (
        "it has the service web-green, and the updater makes a service of that name from web. Rename "
        "it; or, if it is a color, write `blue` and `green` in the stack file in place of `service`"
    )


# References


def test_dependency_leads_to_a_color() -> None:
    """`as_it_runs` leads that of another service from the blue to the live color."""
    waiting = ("api-blue", "api-green", "bot", "proxy")
    others: dict[str, dict[str, Any]] = {name: {"depends_on": {"db": STARTED, "web": HEALTHY}} for name in waiting}
    found = with_colors(model({"depends_on": {"db": STARTED}}, **others), STACK)["services"]
    assert {name: list(s["depends_on"]) for name, s in found.items()} == {
        "web-blue": ["db"],
        "web-green": ["db"],
        "api-blue": ["db", "web-blue"],
        "api-green": ["db", "web-green"],
        "bot": ["db", "web-blue"],
        "proxy": ["db", "web-blue"],
    }
    assert found["proxy"]["depends_on"]["web-blue"] == HEALTHY


def test_color_shares_with_the_same_color() -> None:
    stack = a_stack(routed=(made(), made("side")))
    side = {
        "network_mode": "service:web",
        "pid": "container:shop-web",
        "ipc": "service:web",
        "volumes_from": ["web:ro", "container:shop-web", "db"],
        "build": {"context": ".", "additional_contexts": {"base": "service:web", "more": "./more"}},
        "links": ["web", "web:app", "db:database"],
        "external_links": ["shop-web:old", "other:x"],
    }
    green = services({"container_name": "shop-web"}, stack, side=side)["side-green"]
    assert green == {
        "network_mode": "service:web-green",
        "pid": "service:web-green",
        "ipc": "service:web-green",
        "volumes_from": ["web-green:ro", "service:web-green", "db"],
        "build": {"context": ".", "additional_contexts": {"base": "service:web-green", "more": "./more"}},
        "links": ["web-green:web", "web-green:app", "db:database"],
        "external_links": ["other:x"],
    }
    assert list(problems(model({}, side=side), stack)) == []


def test_link_of_another_service_is_left_out_with_a_warning() -> None:
    proxy = {"links": ["web:app", "db"], "external_links": ["shop-web"], "depends_on": {"web": STARTED}}
    found = services({"container_name": "shop-web"}, proxy=proxy)["proxy"]
    assert found == {"links": ["db"], "depends_on": {"web-blue": STARTED}}
    assert warnings({"container_name": "shop-web"}, proxy=proxy)[1:] == [
        "proxy runs without its links web:app and external_links shop-web: a link would lead to one color, live or "
        "not. Let proxy call Traefik instead"
    ]
