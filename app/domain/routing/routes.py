"""How clients reach a routed service through Traefik, and how its health is asked for directly."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

CATCH_ALL = "PathPrefix(`/`)"


def is_own_middleware(name: str) -> bool:
    """Whether the updater itself wrote it, in this or its first version. Others may begin with `updater-` too."""
    return name == "updater-rollout" or name.startswith("updater.")


def precedence(rule: str, priority: int) -> int:
    """Traefik asks the router with the highest one first: its priority, else the length of its rule.

    https://doc.traefik.io/traefik/reference/routing-configuration/http/routing/rules-and-priority/#priority-calculation
    """
    return priority or len(rule)


class Scheme(StrEnum):
    """What a container speaks on its port. `h2c`: HTTP/2 without TLS."""

    HTTP = "http"
    HTTPS = "https"
    H2C = "h2c"


@dataclass(frozen=True)
class EntryPoint:
    """`url`: by which the worker reaches one of Traefik's entrypoints. `verify`: its certificate, against the host.

    `others`: the same entrypoint of further Traefiks, which follow the same routes.
    """

    url: str
    verify: bool = False
    others: tuple[str, ...] = ()

    @property
    def urls(self) -> tuple[str, ...]:
        """One for each Traefik."""
        return (self.url, *self.others)

    @property
    def secure(self) -> bool:
        return self.url.lower().startswith("https:")


@dataclass(frozen=True)
class ClientRoute:
    """One router in Traefik: which requests at which entrypoint belong to a service.

    `tls`: the router's TLS options, empty for the default certificate; None for plain HTTP. `middlewares` are names as
    in Traefik, in order. `priority` 0: Traefik's own order, the longer rule first. It may be negative.
    """

    entrypoint: str
    rule: str = CATCH_ALL
    tls: Mapping[str, Any] | None = None
    middlewares: tuple[str, ...] = ()
    priority: int = 0


@dataclass(frozen=True)
class HealthRequest:
    """The request that a healthy container answers. `host` None: that of the first route's rule, if it has one.

    `statuses`: those that count as healthy; empty: 200 to 299.
    """

    path: str
    host: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    statuses: frozenset[int] = frozenset()
