"""A router may reach a container by any of its names and addresses."""

from typing import Any

import pytest

from app.domain.stack import Color
from tests.unit.workers.adoption.test_serving import EVERYTHING, edited, refusal, running, serves
from workers.ports import Instance

API: dict[str, Any] = {
    "names": ("api-blue", "backend.internal", "api-blue.front"),
    "host": "shop-api-blue-1",
    "address": "10.0.0.7",
    "addresses": {"front": "10.0.0.7", "back": "10.9.0.7"},
    "every_address": ("10.0.0.7", "10.9.0.7", "fd00::7"),
}


def stack_with(**api: Any) -> list[Instance]:
    others = [name for name in EVERYTHING if name != "api-blue"]
    return [*running(*others), Instance("c-api", "api-blue", "running", **{**API, **api})]


@pytest.mark.parametrize(
    "host",
    ["10.0.0.7", "10.9.0.7", "[fd00::7]", "[FD00:0:0::0007]", "backend.internal", "api-blue.front", "api-blue."],
)
def test_every_name_and_address_leads_to_its_color(host: str) -> None:
    """The updater's route uses the name of the container: no other one has it."""
    found = serves(edited("http://api-blue:8090", f"http://{host}:8090"), stack_with())
    assert found is not None
    assert (found.color, found.hosts.get("api")) == (Color.BLUE, ("shop-api-blue-1",))


def test_container_without_a_name_of_its_own_is_reached_by_its_service() -> None:
    found = serves(edited("http://api-blue:8090", "http://10.0.0.7:8090"), stack_with(host=None))
    assert found is not None
    assert "api" not in found.hosts


def test_address_of_another_network_alone_is_enough() -> None:
    """The worker reaches the container at one address only, and the router uses the other one."""
    found = serves(edited("http://api-blue:8090", "http://10.9.0.7:8090"), stack_with(every_address=()))
    assert found is not None
    assert found.color is Color.BLUE


def test_fixed_address_of_a_stopped_color_is_known() -> None:
    green = Instance("c-green", "api-green", "exited", names=("api-green",), every_address=("10.9.0.8",))
    instances = [*(i for i in stack_with() if i.service != "api-green"), green]
    assert "two colors have traffic" in refusal(edited("http://api-blue:8090", "http://10.9.0.8:8090"), instances)


def test_unknown_address_may_be_a_published_port() -> None:
    detail = refusal(edited("http://api-blue:8090", "http://172.17.0.1:8090"), stack_with())
    assert "leads to http://172.17.0.1:8090: remove it" in detail
    assert "by a published port, write its service's name instead" in detail
