"""In which networks of the engine the services of a release run."""

from typing import Any

import pytest

from app.domain.routing.networks import Choice, Peers
from app.domain.routing.routes import ClientRoute
from tests.examples import a_routed, a_stack
from workers.definition.networks import choices, networks_of, unreached

STACK = a_stack(routed=(a_routed("web", 80, "/", ClientRoute("web")),))


def model(**web: Any) -> dict[str, Any]:
    return {
        "name": "shop",
        "services": {
            "web-blue": web,
            "vpn": {"networks": {"front": None}},
            "loop": {"network_mode": "service:loop"},
        },
        "networks": {
            "front": {"name": "shop_front"},
            "edge": {"name": "proxy", "external": True},
            "by_id": {"name": "0123456789ab"},
        },
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


def apart(web: dict[str, Any], *traefik: str) -> str | None:
    peers = Peers(traefik=frozenset(traefik), title="edge-proxy")
    return unreached(model(**web), STACK, peers).get("web-blue")


@pytest.mark.parametrize(
    ("web", "traefik", "expected"),
    [
        (
            {"networks": {"front": None}},
            ["proxy"],
            "edge-proxy (networks: proxy) would not find web-blue (networks: front) by its name, because they share no "
            "network, so clients would get errors: give web-blue the network proxy in the Compose file, or add "
            "edge-proxy to front",
        ),
        (
            {"networks": {"front": None}},
            ["host"],
            "edge-proxy (networks: host) would not find web-blue (networks: front) by its name, because they share no "
            "network, so clients would get errors: take edge-proxy out of network_mode: host, and publish its ports",
        ),
        (
            {"network_mode": "bridge"},
            ["bridge"],
            "edge-proxy (networks: bridge) would not find web-blue (networks: bridge) by its name, because they share "
            "no network with a name server, so clients would get errors: give both a network of their own",
        ),
    ],
)
def test_service_apart_from_traefik_is_named_with_the_remedy(
    web: dict[str, Any], traefik: list[str], expected: str
) -> None:
    assert apart(web, *traefik) == expected


@pytest.mark.parametrize(
    "web",
    [
        {"networks": {"front": None, "edge": None}},
        {"network_mode": "service:vpn"},
        {"network_mode": "container:vpn"},
        {"networks": {"by_id": None}},
    ],
    ids=["shares-one", "of-another-service", "of-an-unknown-container", "named-by-id"],
)
def test_service_that_traefik_may_reach_is_not_refused(web: dict[str, Any]) -> None:
    assert apart(web, "shop_front") is None
    assert unreached(model(**web), STACK, Peers()) == {}, "Traefik's container is not known"
