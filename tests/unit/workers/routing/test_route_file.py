from dataclasses import replace

import pytest
import yaml

from app.domain.routing.probe_request import route_requests
from app.domain.routing.routes import ClientRoute, Scheme
from app.domain.stack import Color, EngineKind
from tests.examples import a_routed, a_stack
from workers.routing import route_file
from workers.routing.routers import read_routing

STACK = a_stack()

GREEN = """\
# Written by zetherion-updater: one rename moves every route. Changes by hand are overwritten.
# stack: shop
# active color: green
# rollout: r-1
# copies: {}
http:
  routers:
    updater.shop.skills.1:
      rule: PathPrefix(`/`)
      entryPoints:
      - web
      service: updater.shop.skills.green
      middlewares:
      - updater.shop.skills.1
    updater.shop.api.1:
      rule: PathPrefix(`/api`)
      entryPoints:
      - api
      service: updater.shop.api.green
      middlewares:
      - updater.shop.api.1
  services:
    updater.shop.skills.green:
      loadBalancer:
        serversTransport: updater.shop
        servers:
        - url: http://skills-green:8080
    updater.shop.api.green:
      loadBalancer:
        serversTransport: updater.shop
        servers:
        - url: http://api-green:8090
  middlewares:
    updater.shop.skills.1:
      headers:
        customResponseHeaders:
          X-Updater-Rollout: r-1
          X-Updater-Rollout-Route: shop.skills.1
    updater.shop.api.1:
      headers:
        customResponseHeaders:
          X-Updater-Rollout: r-1
          X-Updater-Rollout-Route: shop.api.1
  serversTransports:
    updater.shop:
      forwardingTimeouts:
        idleConnTimeout: 3s
"""


def test_render_yields_the_expected_file() -> None:
    assert route_file.render(STACK, Color.GREEN, "r-1") == GREEN


def test_render_empty_has_no_routes() -> None:
    head = "# Written by zetherion-updater: one rename moves every route. Changes by hand are overwritten.\n"
    assert route_file.render_empty(STACK) == f"{head}# stack: shop\n{{}}\n"


@pytest.mark.parametrize("color", list(Color))
def test_what_was_rendered_is_read_back(color: Color) -> None:
    assert route_file.read(route_file.render(STACK, color, "r-1"), STACK) == route_file.RouteState(color, "r-1", {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "7",
        "not yaml: [",
        "http:",
        "http: 2026-99-99",
        "http: {services: {}}",
        "http: {routers: {updater-skills: {service: a}}, services: {a: {loadBalancer: {servers: []}}}}",
        "http: {services: {whoami: {loadBalancer: {servers: [{url: 'http://whoami'}]}}}}",
        route_file.render_empty(STACK),
        GREEN[: len(GREEN) // 2],
        GREEN.replace("//skills-green", "//skills-blue"),
        GREEN.replace("//skills-green", "//skills-red").replace("//api-green", "//api-red"),
        GREEN.replace("# stack: shop", "# stack: other"),
        GREEN.replace("# copies: {}", "# copies: {"),
        GREEN.replace("# copies: {}", "# copies: " + "[" * 100_000),
        GREEN.replace("# copies: {}", '# copies: {"red": {"skills": ["shop-skills-red-1"]}}'),
    ],
)
def test_file_of_no_single_color_says_nothing(text: str) -> None:
    assert route_file.read(text, STACK) is None


FIRST_VERSION = """\
# Written by zetherion-updater: one rename moves every route. Changes by hand are overwritten.
# active color: green
# rollout: r-1
http:
  routers:
    updater-skills: {rule: PathPrefix(`/`), entryPoints: [web], service: updater-skills-green}
    updater-api: {rule: PathPrefix(`/api`), entryPoints: [api], service: updater-api-green}
  services:
    updater-skills-green: {loadBalancer: {servers: [{url: "http://skills-green:8080"}]}}
    updater-api-green: {loadBalancer: {servers: [{url: "http://api-green:8090"}]}}
  middlewares:
    updater-rollout: {headers: {customResponseHeaders: {X-Updater-Rollout: r-1}}}
"""


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("PathPrefix(`/api`)", "Host(`api`)"),
        ("[api]", "[web]"),
        ("api-green:8090", "api-green:9999"),
        ("updater-api:", "updater-mail:"),
    ],
)
def test_first_versions_file_of_another_stack_is_not_ours(part: str, other: str) -> None:
    assert part in FIRST_VERSION
    assert route_file.read(FIRST_VERSION.replace(part, other), STACK) is None


def test_file_of_the_first_version_is_read() -> None:
    assert route_file.read(FIRST_VERSION, STACK) == route_file.RouteState(Color.GREEN, "r-1", {})
    assert route_file.written_for(FIRST_VERSION) == ""


COPIES = {color: {"skills": (f"shop-skills-{color}-1", f"shop-skills-{color}-2")} for color in Color}


@pytest.mark.parametrize("color", list(Color))
def test_each_copy_is_a_server_and_both_colors_are_kept(color: Color) -> None:
    text = route_file.render(STACK, color, "r-1", COPIES)
    services = yaml.safe_load(text)["http"]["services"]
    urls = [server["url"] for server in services[f"updater.shop.skills.{color}"]["loadBalancer"]["servers"]]
    assert urls == [f"http://shop-skills-{color}-{n}:8080" for n in (1, 2)]
    assert route_file.read(text, STACK) == route_file.RouteState(color, "r-1", COPIES)


def test_request_that_a_copy_cannot_take_goes_to_another_one() -> None:
    """After the route's own middlewares, which are not repeated. A single copy has no other one."""
    stack = a_stack(routed=(a_routed("web", 80, "/", ClientRoute("web", middlewares=("auth@file",))), STACK.routed[1]))
    copies = {Color.BLUE: {"web": ("web-1", "web-2", "web-3"), "api": ("api-1",)}}
    text = route_file.render(stack, Color.BLUE, "r-1", copies)
    http = yaml.safe_load(text)["http"]
    assert http["middlewares"]["updater.shop.web.retry"] == {"retry": {"attempts": 16}}
    assert http["routers"]["updater.shop.web.1"]["middlewares"] == [
        "updater.shop.web.1",
        "auth@file",
        "updater.shop.web.retry",
    ]
    assert "updater.shop.api.retry" not in text
    assert route_file.read(text, stack) == route_file.RouteState(Color.BLUE, "r-1", copies)
    hosts = {name: [(service, color)] for service in stack.routed for color, name in service.colors.items()}
    routers = read_routing({"updater-shop.yml": text.replace("//web-1", "//web-blue")}, hosts).routers
    assert all(list(router.differences(stack.routed[0])) == [] for router in routers if "web" in router.name)


def test_server_changed_to_the_other_color_by_hand_is_noticed() -> None:
    text = route_file.render(STACK, Color.GREEN, "r-1", COPIES)
    assert route_file.read(text.replace("//shop-skills-green-2", "//shop-skills-blue-2"), STACK) is None


def test_route_options_are_rendered_as_traefik_has_them() -> None:
    routes = (
        ClientRoute("websecure", "Host(`shop.example.org`)", {"certResolver": "le"}, ("auth@file",), 10),
        ClientRoute("inner", "Host(`web`)"),
    )
    stack = a_stack(routed=(a_routed("web", 8000, "/", *routes, scheme=Scheme.H2C, sticky={"cookie": {"name": "s"}}),))
    http = yaml.safe_load(route_file.render(stack, Color.BLUE, "r-1"))["http"]
    assert http["routers"]["updater.shop.web.1"] == {
        "rule": "Host(`shop.example.org`)",
        "entryPoints": ["websecure"],
        "service": "updater.shop.web.blue",
        "middlewares": ["updater.shop.web.1", "auth@file"],
        "priority": 10,
        "tls": {"certResolver": "le"},
    }
    assert "tls" not in http["routers"]["updater.shop.web.2"]
    balancer = http["services"]["updater.shop.web.blue"]["loadBalancer"]
    assert balancer["servers"] == [{"url": "h2c://web-blue:8000"}]
    assert balancer["sticky"] == {"cookie": {"name": "s"}}


def test_names_of_two_stacks_never_meet() -> None:
    """Also where the name of one project ends as the name of a service begins."""
    one, two = (
        a_stack(project=project, routed=(a_routed(name, 80, "/", ClientRoute("web")),))
        for project, name in (("a-b", "c"), ("a", "b-c"))
    )
    content = yaml.safe_load(route_file.render(one, Color.BLUE, "r-1"))
    assert route_file.claims_our_names(content, one)
    assert not route_file.claims_our_names(content, two)


BEFORE = GREEN.replace("Route: shop.", "Route: ")
"""As the version before wrote it, whose answers do not say of which stack they are."""


def test_file_of_the_version_before_is_read_and_rewritten() -> None:
    assert route_file.read(BEFORE, STACK) == route_file.RouteState(Color.GREEN, "r-1", {})
    assert route_file.render(STACK, Color.GREEN, "r-1") != BEFORE, "so the drift watch rewrites it"


def test_answers_of_two_stacks_name_different_routes() -> None:
    """Also where both have a service of the same name, and names that run into each other."""
    stacks = [
        a_stack(project=project, routed=(a_routed(name, 80, "/", ClientRoute("web")),))
        for project, name in (("shop", "web"), ("mail", "web"), ("a-b", "c"), ("a", "b-c"))
    ]
    asked = [request.route for stack in stacks for request in route_requests(stack, stack.routed[0])]
    assert asked == ["shop.web.1", "mail.web.1", "a-b.c.1", "a.b-c.1"]
    written = [_route_headers(route_file.render(stack, Color.BLUE, "r-1")) for stack in stacks]
    assert written == [[name] for name in asked]


def _route_headers(text: str) -> list[str]:
    middlewares = yaml.safe_load(text)["http"]["middlewares"].values()
    return [each["headers"]["customResponseHeaders"]["X-Updater-Rollout-Route"] for each in middlewares]


def test_header_that_ends_as_the_routes_own_does_is_read() -> None:
    stack = a_stack()
    stack = replace(stack, traefik=replace(stack.traefik, rollout_header="X-Updater-Route"))
    found = route_file.read(route_file.render(stack, Color.BLUE, "r-1"), stack)
    assert found is not None
    assert (found.color, found.rollout) == (Color.BLUE, "r-1")


def test_copy_on_another_node_is_given_up_soon() -> None:
    """A node that is gone refuses nothing, and Traefik's own limit is longer than most clients wait."""
    for engine, dial in ((EngineKind.COMPOSE, None), (EngineKind.SWARM, "2s")):
        http = route_file.configuration(replace(STACK, engine=engine), route_file.RouteState(Color.BLUE, "r-1"))
        timeouts = http["serversTransports"]["updater.shop"]["forwardingTimeouts"]
        assert timeouts == {"idleConnTimeout": "3s", **({"dialTimeout": dial} if dial else {})}
