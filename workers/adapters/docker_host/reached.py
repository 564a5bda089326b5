"""The names and addresses by which other containers reach a container: pure functions of an inspection."""

from collections.abc import Iterator, Mapping
from typing import Any

LONGEST_NAME = 63
"""Of one label of a host name. https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4"""

GIVEN = {"bridge", "host", "none"}
"""The networks that every engine has. Its name server does not serve them."""

SHORT_ID = 12

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
