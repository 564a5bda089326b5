"""In which networks of the engine the services of a release run."""

from typing import Any

import pytest

from app.domain.routing.networks import Choice, Peers
from app.domain.routing.routes import ClientRoute
from tests.examples import a_routed, a_stack
from workers.definition.networks import choices, networks_of

STACK = a_stack(routed=(a_routed("web", 80, "/", ClientRoute("web")),))


def model(**web: Any) -> dict[str, Any]:
    return {
        "name": "shop",
        "services": {
            "web-blue": web,
            "vpn": {"networks": {"front": None}},
            "loop": {"network_mode": "service:loop"},
        },
        "networks": {"front": {"name": "shop_front"}, "edge": {"name": "proxy", "external": True}},
    }


@pytest.mark.parametrize(
    ("web", "expected"),
    [
        ({"networks": {"front": None, "edge": {"aliases": ["web"]}}}, ["shop_front", "proxy"]),
        ({"networks": {"back": None}}, ["shop_back"]),
        ({"network_mode": "service:vpn"}, ["shop_front"]),
        ({"network_mode": "service:loop"}, None),
        ({"network_mode": "container:vpn"}, None),
        ({"network_mode": "host"}, ["host"]),
        ({"network_mode": "bridge"}, ["bridge"]),
        ({}, []),
    ],
)
def test_networks_are_those_of_the_engine(web: dict[str, Any], expected: list[str] | None) -> None:
    assert networks_of(model(**web), "web-blue") == expected


def test_only_a_service_in_several_networks_has_a_choice() -> None:
    peers = Peers(traefik=frozenset({"shop_front"}))
    assert choices(model(networks={"front": None}), STACK, peers) == {}
    found = choices(model(networks={"edge": None, "front": None}), STACK, peers)
    assert found == {"web-blue": Choice("shop_front", "the worker and Traefik reach it")}
