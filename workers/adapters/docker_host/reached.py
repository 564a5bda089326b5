"""The names and addresses by which other containers reach a container: pure functions of an inspection."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.domain.routing.networks import GIVEN

LONGEST_NAME = 63
"""Of one label of a host name. https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4"""

SHORT_ID = 12

_OFF_HOST = {"macvlan", "ipvlan", "overlay"}
_BRIDGE = "com.docker.network.bridge."
_NO_ADDRESS = {"gateway_mode_ipv4": {"isolated"}, "inhibit_ipv4": {"true", "t", "1"}}
"""The options of a bridge that has no IPv4 address on the host. A container with both is asked by IPv4."""

Attributes = Mapping[str, Any]


def names_of(attrs: Attributes) -> set[str]:
    """The container's name, and what the engine's name server resolves to it in the networks that people make.

    That is its name, its short id, its `hostname:`, and its aliases in each network, alone and before the network's
    name. Newer engines list them as `DNSNames`.
    https://github.com/moby/moby/pull/39204, https://docs.docker.com/reference/api/engine/ (EndpointSettings)
    """
    name = str(attrs["Name"]).removeprefix("/")
    config: Attributes = attrs.get("Config") or {}
    own = {name, str(attrs.get("Id") or "")[:SHORT_ID], str(config.get("Hostname") or "")} - {""}
    found = {name}
    for network, settings in _networks(attrs).items():
        if network not in GIVEN:
            listed = {*own, *(settings.get("Aliases") or ()), *(settings.get("DNSNames") or ())}
            found |= listed | {f"{each}.{network}" for each in listed}
    return found


def host_of(attrs: Attributes) -> str | None:
    """The container's name, which the engine's name server knows in networks that people make, if it is short enough.

    https://docs.docker.com/engine/network/#dns-services
    """
    name = str(attrs["Name"]).removeprefix("/")
    made = set(_networks(attrs)) - GIVEN
    return name if made and len(name) <= LONGEST_NAME else None


def addresses_of(attrs: Attributes) -> dict[str, str]:
    """Network name → the container's address in it."""
    return {name: address for name, each in sorted(_networks(attrs).items()) if (address := address_in(each))}


def address_in(network: Attributes) -> str:
    """The container's address in one of its networks; empty without one. Of two, the IPv4 address."""
    return str(network.get("IPAddress") or network.get("GlobalIPv6Address") or "")


def is_off_host(network: Attributes) -> bool:
    """Whether the host itself reaches no container in the network, from the engine's answer to an inspection of it.

    The host reaches the containers of a bridge, also of an internal one, unless the bridge has no address there. It
    reaches none by macvlan and ipvlan, whose traffic with the host the kernel drops, nor the addresses of an overlay.
    https://docs.docker.com/engine/network/drivers/macvlan/, https://docs.docker.com/engine/network/port-publishing/
    """
    options: Mapping[str, str] = network.get("Options") or {}
    return network.get("Driver") in _OFF_HOST or any(
        str(options.get(_BRIDGE + option)).lower() in values for option, values in _NO_ADDRESS.items()
    )


def every_address(attrs: Attributes) -> tuple[str, ...]:
    """All its IPv4 and IPv6 addresses. Those that the Compose file fixes are known even while it is stopped."""
    return tuple(sorted({address for each in _networks(attrs).values() for address in _addresses(each)}))


def _addresses(network: Attributes) -> Iterator[str]:
    given: Attributes = network.get("IPAMConfig") or {}
    own = [network.get(key) for key in ("IPAddress", "GlobalIPv6Address")]
    fixed = [given.get(key) for key in ("IPv4Address", "IPv6Address")]
    yield from (str(each) for each in (*own, *fixed, *(given.get("LinkLocalIPs") or ())) if each)


def _networks(attrs: Attributes) -> Mapping[str, Attributes]:
    return (attrs.get("NetworkSettings") or {}).get("Networks") or {}
