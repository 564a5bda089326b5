"""The stack files that docs/routes.md shows."""

import pytest
import yaml

from app.config.stack_file import parse_stack
from app.domain.routing.probe_request import route_requests
from app.domain.stack import Color
from tests.routes_page import SHOWN
from workers.routing import route_file


@pytest.mark.parametrize("text", SHOWN.values(), ids=SHOWN.keys())
def test_shown_stack_file_can_be_rendered_and_asked(text: str) -> None:
    stack = parse_stack(yaml.safe_load(text))
    routers = yaml.safe_load(route_file.render(stack, Color.BLUE, "r-1"))["http"]["routers"]
    assert len(routers) == sum(len(service.routes) for service in stack.routed)
    for service in stack.routed:
        hosts = [request.host for request in route_requests(stack, service)]
        assert all(host and (host == "web" or host.endswith("example.org")) for host in hosts)


def test_page_shows_five_shapes() -> None:
    assert len(SHOWN) == 5
