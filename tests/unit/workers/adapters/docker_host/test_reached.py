"""The names and addresses of a container, from the engine's answer to an inspection."""

from typing import Any

import pytest

from workers.adapters.docker_host.reached import every_address, is_off_host, names_of

BRIDGE = "com.docker.network.bridge"


def attributes(**networks: dict[str, Any]) -> dict[str, Any]:
    return {
        "Id": "0123456789abcdef",
        "Name": "/shop-api-1",
        "Config": {"Hostname": "api.internal"},
        "NetworkSettings": {"Networks": networks},
    }


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ({"Driver": "bridge", "Options": None}, False),
        ({"Driver": "bridge", "Internal": True, "Options": {}}, False),
        ({"Driver": "bridge", "Options": {f"{BRIDGE}.gateway_mode_ipv4": "nat"}}, False),
        ({"Driver": "bridge", "Internal": True, "Options": {f"{BRIDGE}.gateway_mode_ipv4": "isolated"}}, True),
        ({"Driver": "bridge", "Options": {f"{BRIDGE}.inhibit_ipv4": "true"}}, True),
        ({"Driver": "macvlan", "Options": {"parent": "eth0"}}, True),
        ({"Driver": "ipvlan"}, True),
        ({"Driver": "overlay"}, True),
        ({"Driver": "weave"}, False),
    ],
)
def test_network_that_the_host_does_not_reach(network: dict[str, Any], expected: bool) -> None:
    assert is_off_host(network) is expected


def test_every_name_that_the_name_server_knows_is_found() -> None:
    names = names_of(attributes(front={"Aliases": ["api"]}, back={"DNSNames": ["shop-api-1", "newer"]}))
    assert {"shop-api-1", "0123456789ab", "api.internal", "api", "newer"} <= names
    assert {"api.front", "shop-api-1.back", "api.internal.front", "newer.back"} <= names
    assert "api.back" not in names


def test_networks_of_the_engine_have_no_name_server() -> None:
    assert names_of(attributes(bridge={"Aliases": ["api"]}, host={})) == {"shop-api-1"}
    assert names_of({"Name": "/a", "NetworkSettings": {"Networks": None}}) == {"a"}


def test_addresses_of_every_network_and_family_are_found() -> None:
    front = {"IPAddress": "10.0.0.7", "GlobalIPv6Address": "fd00::7"}
    back = {"IPAddress": "", "IPAMConfig": {"IPv4Address": "10.9.0.7", "IPv6Address": "fd09::7"}}
    assert every_address(attributes(front=front, back=back)) == ("10.0.0.7", "10.9.0.7", "fd00::7", "fd09::7")
    assert every_address(attributes(front={"IPAddress": None, "IPAMConfig": None})) == ()
