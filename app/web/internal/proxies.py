"""What a trusted reverse proxy says about its client: the address, and whether the client uses TLS.

Anyone can send these headers, so they count only if the connection comes from one of UPDATER_TRUSTED_PROXIES.
https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/X-Forwarded-For#selecting_an_ip_address
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.requests import Request

UNKNOWN_ADDRESS = "unknown"


@dataclass(frozen=True)
class TrustedProxies:
    networks: Sequence[IPv4Network | IPv6Network] = ()

    def address(self, request: Request) -> str:
        """The client's address: the last one in X-Forwarded-For that is not a trusted proxy's."""
        address = _peer(request)
        hops = _values(request, "x-forwarded-for")
        while hops and self._trusts(address) and (hop := _parsed(hops.pop())) is not None:
            address = hop
        return str(address or UNKNOWN_ADDRESS)

    def uses_tls(self, request: Request) -> bool:
        """Whether the proxy got the request over TLS."""
        return self._trusts(_peer(request)) and _values(request, "x-forwarded-proto")[-1:] == ["https"]

    def _trusts(self, address: IPv4Address | IPv6Address | None) -> bool:
        return address is not None and any(address in network for network in self.networks)


def _peer(request: Request) -> IPv4Address | IPv6Address | None:
    return _parsed(request.client.host) if request.client else None


def _values(request: Request, header: str) -> list[str]:
    return [value.strip().lower() for line in request.headers.getlist(header) for value in line.split(",")]


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return (parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None) or parsed
