from dataclasses import replace
from typing import Any

import pytest

from app.domain.callers.advice import advise
from app.domain.callers.names import FORMER_NAMES
from app.domain.routing.routes import ClientRoute
from app.domain.stack import Color, Stack, Updater
from tests.examples import a_routed, a_stack, a_traefik

SHOP = ClientRoute("web", "Host(`shop.example.org`)")
BY_NAME = ClientRoute("inner", "Host(`web`)")
SECRET = "hunter2"


def stack(*routes: ClientRoute, **change: Any) -> Stack:
    points = a_traefik(web="http://traefik:80", inner="http://traefik:8000")
    fields: dict[str, Any] = {"traefik": points, "routed": (a_routed("web", 8000, "/", *(routes or (SHOP,))),)}
    return a_stack(**fields | change)


def model(worker: dict[str, Any], **others: Any) -> dict[str, Any]:
    services = {"web-blue": {}, "web-green": {}, "worker": worker, "traefik": {"image": "traefik:v3"}}
    return {"services": services | others}


def texts(worker: dict[str, Any], of: Stack | None = None, **others: Any) -> list[str]:
    return [each.text for each in advise(model(worker, **others), of or stack())]


def calling(url: str = "http://web:8000") -> dict[str, Any]:
    return {"environment": {"API_URL": url}}


ALIAS = {"networks": {"default": {"aliases": ["web"]}}}


def test_call_of_a_color_is_advised() -> None:
    (found,) = advise(model(calling(f"http://me:{SECRET}@web-blue:8000/x")), stack())
    assert found.text == (
        "`worker` calls `web-blue` in its variable API_URL: after a flip it would still call the old color. Give "
        "Traefik's container the network alias `web` in the network `default`, add the route {entrypoint: web, rule: "
        '"Host(`web`)"} to routed/web/routes (together with its present route), and let `worker` call `http://web:80`.'
    )
    assert found.lines == (
        *("services:", "  traefik:", "    networks:", "      default:", "        aliases: [web]"),
        *("routed/web/routes:", '  - {entrypoint: web, rule: "Host(`web`)"}'),
    )


@pytest.mark.parametrize(
    ("worker", "place"),
    [
        ({"environment": ["API_URL=http://web-blue:8000"]}, "in its variable API_URL"),
        ({"environment": {"A": "web-blue:80", "B_HOST": "web-blue"}}, "in its variables A and B_HOST"),
        ({"command": ["serve", "--to", "http://web-blue"]}, "in its command"),
        ({"command": "serve --to http://web-blue"}, "in its command"),
        ({"entrypoint": ["wait", "web-blue:8000"]}, "in its entrypoint"),
        ({"healthcheck": {"test": ["CMD", "curl", "http://web-blue:8000"]}}, "in its health check"),
    ],
)
def test_every_place_of_a_call_is_named(worker: dict[str, Any], place: str) -> None:
    (found,) = texts(worker)
    assert found.startswith(f"`worker` calls `web-blue` {place}: after a flip")


@pytest.mark.parametrize("port", [80, 443, 3000, 9090, 7000, 5000, 8100])
def test_port_of_the_service_or_of_traefik_is_known(port: int) -> None:
    of = stack(traefik=a_traefik(web="http://traefik:80", host="http://127.0.0.1:8100"))
    of = replace(of, routed=(replace(of.routed[0], port=3000),))
    blue, proxy = {"expose": ["9090", "7000/tcp", "1-9"]}, {"image": "traefik", "ports": ["8100:5000"]}
    call = {"environment": {"A": f"web-blue:{port}"}}
    assert len(texts(call, of, **{"web-blue": blue}, traefik=proxy)) == 1


def test_other_number_after_a_name_is_no_port() -> None:
    assert texts({"environment": {"A": "web-blue:1000"}, "command": "serve web-blue:1000"}) == []


def test_link_to_a_color_names_it() -> None:
    (found,) = texts({"links": ["web-blue:web"]})
    assert found.startswith("`worker` names `web-blue` in its links: after a flip")


@pytest.mark.parametrize("value", [["web-blue"], {"web-blue": {"condition": "service_healthy"}}])
def test_dependency_on_a_color_is_advised(value: Any) -> None:
    (found,) = texts({"depends_on": value})
    assert found == (
        "`worker` has `web-blue` in its depends_on: `docker compose up worker` with the release's own file would start "
        "that color, live or not. Remove that, or let it depend on `traefik` instead."
    )
    (both,) = texts({"depends_on": value, **calling("http://web-blue")}, stack(BY_NAME), traefik=ALIAS)
    assert both.endswith("Remove `web-blue` from its depends_on and let `worker` call `http://web:8000`.")


def test_network_of_a_color_is_advised() -> None:
    (found,) = texts({"network_mode": "service:web-blue"})
    assert found.startswith(
        "`worker` uses the network of `web-blue` (network_mode): it loses its network when that color"
    )
    assert "give `worker` a network of its own" in found


def test_other_names_of_a_color_count() -> None:
    blue: Any = {"container_name": "shop-web", "networks": {"default": {"aliases": ["old"]}}}
    for name in ("shop-web", "old"):
        (found,) = texts(calling(f"http://{name}:8000"), **{"web-blue": blue})
        assert f"calls `{name}`" in found


def test_name_of_both_colors_is_advised() -> None:
    colors = dict.fromkeys(("web-blue", "web-green"), ALIAS)
    (found,) = texts(calling(), stack(BY_NAME), traefik=ALIAS, **colors)
    assert found.endswith("may answer after a flip. Remove the alias `web` from web-blue and web-green.")


def test_plain_name_needs_a_route() -> None:
    (found,) = texts(calling())
    assert found.startswith(
        "`worker` calls `web` in its variable API_URL: no route of the stack file serves that name."
    )
    assert "let `worker`" not in found


@pytest.mark.parametrize(
    "rule", ["Host(`web`)", "PathPrefix(`/`)", "Host(`x`) || Host(`WEB`)", "Host(`web`) && PathPrefix(`/api`)"]
)
def test_plain_name_with_route_and_alias_is_right(rule: str) -> None:
    assert texts(calling(), stack(SHOP, ClientRoute("inner", rule)), traefik=ALIAS) == []


def test_traefik_outside_the_project_has_the_alias() -> None:
    services = {"web-blue": {}, "web-green": {}, "worker": calling()}
    assert advise({"services": services}, stack(SHOP, BY_NAME)) == []


@pytest.mark.parametrize(
    ("traefik", "network"),
    [
        ({}, "default"),
        ({"networks": ["default", "edge"]}, "default"),
        ({"networks": {"edge": {"aliases": ["web"]}}}, "default"),
    ],
)
def test_missing_alias_of_traefik_is_advised(traefik: dict[str, Any], network: str) -> None:
    (found,) = texts(calling(), stack(SHOP, BY_NAME), traefik=traefik)
    assert found == (
        "`worker` calls `web` in its variable API_URL: a route serves that name, but Traefik's container does not have "
        f"it. Give Traefik's container the network alias `web` in the network `{network}`."
    )


def test_name_of_another_service_is_no_call() -> None:
    assert texts(calling(), web={"image": "nginx"}) == []
    (found,) = texts(calling("http://web-blue"), stack(routed=(_app(),)), web={}, **{"web-green": {}})
    assert "the network alias `web-live`" in found


def _app() -> Any:
    return a_routed("web", 8000, "/", SHOP)


def test_key_of_the_stack_file_is_a_name() -> None:
    long = a_routed("web", 8000, "/", SHOP, colors={Color.BLUE: "shop-web-blue", Color.GREEN: "shop-web-green"})
    for name in ("web", "shop-web"):
        (found,) = texts(calling(f"http://{name}:8000"), stack(routed=(long,)))
        assert f"`worker` calls `{name}`" in found


def test_stack_itself_is_no_caller() -> None:
    whole = {"environment": {"A": "http://web-blue:80"}, "depends_on": ["web-blue"]}
    none = ("web-blue", "web-green", "traefik", "updater", "updater-worker", "old")
    of = stack(updater=Updater("updater", "updater-worker"), retired=("old",))
    assert texts({}, of, **dict.fromkeys(none, whole)) == []


def test_routed_service_may_call_its_own_color() -> None:
    both = stack(routed=(*stack().routed, a_routed("api", 80, "/", SHOP)))
    same = {f"api-{color}": calling(f"http://web-{color}:8000") for color in Color}
    assert texts({}, both, **same) == []
    (crossed,) = texts({}, both, **{f"api-{color}": calling("http://web-blue:8000") for color in Color})
    assert crossed.startswith("`api-green` calls `web-blue`")


def test_monitor_of_both_colors_is_no_caller() -> None:
    assert texts({"environment": {"URLS": "http://web-blue:8000,http://web-green:8000"}}) == []
    assert len(texts({"depends_on": ["web-green"], **calling("http://web-blue")})) == 2


def test_stack_with_tls_only_gets_an_inner_entrypoint() -> None:
    secure = a_traefik(websecure="https://traefik:443")
    (found,) = texts(calling("http://web-blue"), stack(ClientRoute("websecure", "Host(`a`)", {}), traefik=secure))
    assert "give Traefik an entrypoint `inner` on port 8000, with its URL in traefik/entrypoints" in found
    assert found.endswith("let `worker` call `http://web:8000`.")


def test_url_of_a_tls_route_has_https() -> None:
    point = a_traefik(websecure="https://traefik:443")
    route = ClientRoute("websecure", "Host(`web`)", {})
    (found,) = texts(calling("http://web-blue"), stack(route, traefik=point), traefik=ALIAS)
    assert found.endswith("Let `worker` call `https://web:443`.")


def test_route_for_any_host_with_tls_is_no_inner_route() -> None:
    point, any_host = a_traefik(websecure="https://traefik:443"), ClientRoute("websecure", "PathPrefix(`/`)", {})
    (found,) = texts(calling(), stack(any_host, traefik=point), traefik=ALIAS)
    assert "no route of the stack file serves that name" in found
    inner = ClientRoute("inner", "Host(`web`)")
    (found,) = texts(calling("http://web-blue"), stack(ClientRoute("web", "Host(`web`)", {}), inner), traefik=ALIAS)
    assert found.endswith("Let `worker` call `http://web:8000`.")


@pytest.mark.parametrize(
    ("ports", "says"),
    [
        (["127.0.0.1:8080:80/tcp"], "`http://web:80`"),
        (["8080:80"], "`http://web:80`"),
        ([{"published": "8080", "target": 80}], "`http://web:80`"),
        (["80", "8000-8100:8000-8100"], "`http://web` at the port that `web` has inside Traefik's container"),
    ],
)
def test_port_is_that_of_the_container(ports: Any, says: str) -> None:
    outside = stack(ClientRoute("web"), traefik=a_traefik(web="http://127.0.0.1:8080"))
    proxy = {"image": "traefik", "ports": ports, **ALIAS}
    (found,) = texts(calling("http://web-blue"), outside, traefik=proxy)
    assert found.endswith(f"Let `worker` call {says}.")


def test_shared_network_gets_the_alias() -> None:
    worker = calling("http://web-blue") | {"networks": ["private", "backend"]}
    (found,) = advise(model(worker, traefik={"networks": ["edge", "backend"]}), stack())
    assert "in the network `backend`" in found.text
    assert "      backend:" in found.lines


def test_odd_models_are_read() -> None:
    for worker in ({"environment": None, "command": None, "networks": None}, {"depends_on": 1, "links": {}}):
        assert texts(worker) == []
    assert advise({"services": None}, stack()) == []
    assert advise(model({"environment": ["API_URL"]}), replace(stack(), singletons=())) == []


def made(worker: dict[str, Any], **former: list[str]) -> list[str]:
    """The advice on `worker` beside the colors that were made from `web`."""
    of = stack()
    of = replace(of, routed=(replace(of.routed[0], made_from="web"),))
    return [each.text for each in advise(model(worker) | {FORMER_NAMES: former}, of)]


def test_dependency_on_a_made_color_needs_no_advice() -> None:
    """The release's file depends on the one service, and the definition that runs depends on the live color."""
    assert made({"depends_on": {"web-blue": {}}}) == []


@pytest.mark.parametrize("name", ["web", "shop-web", "www"])
def test_call_of_a_name_that_made_colors_do_not_have_is_advised(name: str) -> None:
    (text,) = made(calling(f"http://{name}:8000") | {"depends_on": {"web-blue": {}}}, web=["Shop-Web", "www"])
    assert text == (
        f"`worker` calls `{name}` in its variable API_URL: no route of the stack file serves that name. Give Traefik's "
        f"container the network alias `{name}` in the network `default` and add the route {{entrypoint: web, rule: "
        f'"Host(`{name}`)"}} to routed/web/routes (together with its present route).'
    )
