"""Which network leads to the copies of a routed service: pure functions of who is in which one."""

from collections.abc import Collection
from dataclasses import dataclass

from app.domain.stack import RoutedService, Stack

HOST = "host"
GIVEN = frozenset({"bridge", HOST, "none"})
"""The networks that every engine has. Its name server does not serve them.
https://docs.docker.com/engine/network/drivers/bridge/"""


@dataclass(frozen=True)
class Peers:
    """Those who have to reach the copies of a service, by the names of their networks.

    `worker`: None if it runs in no container, or in the host's network: it then reaches every network that the host
    reaches, which are all but those in `off_host`. `traefik`: None if its container is not known, or has the networks
    of another one. `title`: what to call it in messages.
    """

    worker: frozenset[str] | None = None
    off_host: frozenset[str] = frozenset()
    traefik: frozenset[str] | None = None
    title: str = "Traefik"

    def worker_reaches(self, networks: Collection[str]) -> frozenset[str]:
        """Those of `networks` in which the worker reaches a container.

        On the host all of them, if it seems to reach none: an operator may have given it a route that the engine does
        not know.
        """
        if self.worker is not None:
            return frozenset(networks) & self.worker
        return frozenset(networks) - self.off_host or frozenset(networks)

    def traefik_reaches(self, networks: Collection[str]) -> frozenset[str]:
        """Those of `networks` in which Traefik resolves a container's name; empty if Traefik is not known."""
        return (frozenset(networks) & (self.traefik or frozenset())) - GIVEN


@dataclass(frozen=True)
class Choice:
    """The network in which the worker asks a copy, None if it reaches none, and why: for people."""

    network: str | None
    reason: str = ""


def choose(stack: Stack, service: RoutedService, networks: Collection[str], peers: Peers) -> Choice:
    """The network, of those that a copy of `service` is in, by whose address the worker asks it.

    `routed/<name>/network` decides. Without it, a network that worker and Traefik share comes before one that only the
    worker is in. Of several such networks each leads to the same container, so the first one by its name is as good as
    the others, and every look takes the same one.
    """
    if service.network is not None:
        return Choice(min(named(stack, service, networks), default=None), f"{key(service)} names it")
    reached = peers.worker_reaches(networks)
    shared = peers.traefik_reaches(reached)
    if not reached:
        return Choice(None)
    first, *others = sorted(shared or reached)
    return Choice(first, _reason(stack, service, peers, others, shared=bool(shared)))


def named(stack: Stack, service: RoutedService, networks: Collection[str]) -> list[str]:
    """Those of `networks` that the service's key may mean: it is the name in the Compose file, or the whole one."""
    wanted = {service.network, f"{stack.project}_{service.network}"}
    return [network for network in networks if network in wanted]


def key(service: RoutedService) -> str:
    """The path of the stack file's key for the network."""
    return f"routed/{service.name}/network"


def short(stack: Stack, network: str) -> str:
    """The network's name as the Compose file and the stack file have it."""
    return network.removeprefix(f"{stack.project}_")


def _reason(stack: Stack, service: RoutedService, peers: Peers, others: list[str], *, shared: bool) -> str:
    if shared:
        why = f"the worker and {peers.title} reach it"
    elif peers.traefik is None:
        why = "the worker reaches it; Traefik's container is not known"
    else:
        why = f"the worker reaches it, but {peers.title} reaches none that the worker does"
    if not others:
        return why
    names = ", ".join(short(stack, each) for each in others)
    return f"{why}, as well as {names}; to choose, set {key(service)}"
