"""The stack files that docs/routes.md shows."""

import re
from pathlib import Path

import pytest
import yaml

from app.config.stack_file import parse_stack
from app.domain.probe_request import route_requests
from app.domain.stack import Color
from workers.routing import route_file

PAGE = (Path(__file__).parents[3] / "docs" / "routes.md").read_text()
SHOWN = re.findall(r"^## (.+?)\n.*?^```yaml\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", [text for _, text in SHOWN], ids=[title for title, _ in SHOWN])
def test_shown_stack_file_can_be_rendered_and_asked(text: str) -> None:
    stack = parse_stack(yaml.safe_load(text))
    routers = yaml.safe_load(route_file.render(stack, Color.BLUE, "r-1"))["http"]["routers"]
    assert len(routers) == sum(len(service.routes) for service in stack.routed)
    for service in stack.routed:
        hosts = [request.host for request in route_requests(stack, service)]
        assert all(host and (host == "web" or host.endswith("example.org")) for host in hosts)


def test_page_shows_five_shapes() -> None:
    assert len(SHOWN) == 5
