"""The names and addresses of a container, from the engine's answer to an inspection."""

from typing import Any

from workers.adapters.docker_host.reached import every_address, names_of


def attributes(**networks: dict[str, Any]) -> dict[str, Any]:
    return {
        "Id": "0123456789abcdef",
        "Name": "/shop-api-1",
        "Config": {"Hostname": "api.internal"},
        "NetworkSettings": {"Networks": networks},
    }


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
