"""A limit on failures: for each client address and overall, in constant memory."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

ADDRESSES = 1_024
"""How many addresses are remembered: those that failed last."""

NETWORK_BITS = 64
"""One client usually has all addresses of such an IPv6 network."""


@dataclass(frozen=True)
class FailureRate:
    """`many` failures at once, and one more every `seconds`."""

    many: int
    seconds: float

    def wait(self, forgiven: float, now: float) -> float:
        """Seconds until the next failure is within the rate. `forgiven`: when all failures so far are forgiven."""
        return max(0.0, forgiven - now - (self.many - 1) * self.seconds)


BY_ADDRESS = FailureRate(10, 30.0)
OVERALL = FailureRate(100, 3.0)


class FailureLimit:
    """Counts failures (`total`). It remembers one time for each address: when its failures are forgiven."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._forgiven: dict[str, float] = {}
        self._all_forgiven = 0.0
        self.total = 0

    def wait(self, address: str) -> float:
        """Seconds until the client at `address` may fail again; 0 if now."""
        now = self._clock()
        own = BY_ADDRESS.wait(self._forgiven.get(_client(address), 0.0), now)
        return max(own, OVERALL.wait(self._all_forgiven, now))

    def add(self, address: str) -> None:
        """Counts a failure of the client at `address`."""
        self.total += 1
        now, client = self._clock(), _client(address)
        self._forgiven[client] = max(self._forgiven.pop(client, 0.0), now) + BY_ADDRESS.seconds
        self._all_forgiven = max(self._all_forgiven, now) + OVERALL.seconds
        if len(self._forgiven) > ADDRESSES:
            del self._forgiven[next(iter(self._forgiven))]


def _client(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return f"{int(parsed) >> (parsed.max_prefixlen - NETWORK_BITS):x}"
