import pytest

from app.domain.stack import Color
from tests.examples import a_stack
from workers.routing import route_file

STACK = a_stack()

GREEN = """\
# Written by zetherion-updater: one rename moves every route. Changes by hand are overwritten.
# active color: green
# rollout: r-1
http:
  routers:
    updater-skills:
      rule: PathPrefix(`/`)
      entryPoints:
      - web
      service: updater-skills-green
      middlewares:
      - updater-rollout
    updater-api:
      rule: PathPrefix(`/api`)
      entryPoints:
      - api
      service: updater-api-green
      middlewares:
      - updater-rollout
  services:
    updater-skills-green:
      loadBalancer:
        serversTransport: updater
        servers:
        - url: http://skills-green:8080
    updater-api-green:
      loadBalancer:
        serversTransport: updater
        servers:
        - url: http://api-green:8090
  middlewares:
    updater-rollout:
      headers:
        customResponseHeaders:
          X-Updater-Rollout: r-1
  serversTransports:
    updater:
      forwardingTimeouts:
        idleConnTimeout: 3s
"""


def test_render_yields_the_expected_file() -> None:
    assert route_file.render(STACK, Color.GREEN, "r-1") == GREEN


def test_render_empty_has_no_routes() -> None:
    head = "# Written by zetherion-updater: one rename moves every route. Changes by hand are overwritten.\n"
    assert route_file.render_empty() == f"{head}{{}}\n"


@pytest.mark.parametrize("color", list(Color))
def test_the_active_color_is_read_back(color: Color) -> None:
    assert route_file.active_color(route_file.render(STACK, color, "r-1"), STACK) is color


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
        route_file.render_empty(),
        GREEN[: len(GREEN) // 2],
        GREEN.replace("skills-green", "skills-blue"),
        GREEN.replace("skills-green", "skills-red").replace("api-green", "api-red"),
    ],
)
def test_foreign_file_has_no_active_color(text: str) -> None:
    assert route_file.active_color(text, STACK) is None
