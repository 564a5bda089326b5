"""Checks that the worker and Traefik reach the containers of each routed service."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.findings import Check, Verdict
from app.domain.routing.networks import HOST, Peers, choose, key, named, short
from app.domain.stack import RoutedService, Stack
from workers.ports import Seen, Survey
from workers.routing.traefik_container import peers_among

_UNHEALTHY = "Until then, every release fails its health check. Your traffic is not affected."

Problem = tuple[Verdict, str, str]
"""The verdict, what was found, and the remedy."""


def checks(stack: Stack, seen: Survey, route: Path) -> list[Check]:
    """A check for each routed service with a network problem, or in several networks: which one is used, and why.

    A problem is a running container that the worker or Traefik cannot reach, or a `network` key that is ambiguous or
    names none of Traefik's networks.
    `route` is the route file's path on the host, by which Traefik's container is found.
    """
    peers, found = peers_of(seen, route), list[Check]()
    for service in stack.routed:
        running = [c for c in seen.containers if c.state == "running" and c.moved_service in service.colors.values()]
        reaches = [_Reach(stack, service, container, peers) for container in running]
        problems = [problem for reach in reaches for problem in reach.problems()]
        chosen = [text for reach in reaches for text in reach.chosen_of_several()]
        if problems:
            worst = max((verdict for verdict, _, _ in problems), key=lambda verdict: verdict.rank)
            texts = ("; ".join(dict.fromkeys(p[1] for p in problems)), " ".join(dict.fromkeys(p[2] for p in problems)))
            found.append(Check(f"network_{service.name}", worst, *texts))
        elif chosen:
            found.append(Check(f"network_{service.name}", Verdict.OK, "; ".join(dict.fromkeys(chosen))))
    return found


def peers_of(seen: Survey, route: Path) -> Peers:
    """Who has to reach the containers. `route` as for `checks`."""
    containers = (*seen.containers, *seen.others)
    own = seen.own_networks
    return peers_among(containers, route, own_name=seen.own_name, own_networks=own, off_host=seen.off_host)


@dataclass(frozen=True)
class _Reach:
    """A running `container` of `service`, and who has to reach it."""

    stack: Stack
    service: RoutedService
    container: Seen
    peers: Peers

    def chosen_of_several(self) -> Iterator[str]:
        """Which of its networks the worker uses, and why; nothing if it has one."""
        choice = choose(self.stack, self.service, self.own, self.peers)
        if len(self.own) > 1 and choice.network is not None:
            yield (
                f"{self.name} is in {self._names(self.own)}; the worker asks it in {self._short(choice.network)}: "
                f"{choice.reason}"
            )

    def problems(self) -> Iterator[Problem]:
        own = self.own
        if not own:
            found = f"{self.name} has no address of its own"
            yield (
                Verdict.FAILED,
                found,
                f"Give {self.name} a network in the Compose file, and remove its network_mode. {_UNHEALTHY}",
            )
        elif self.service.network is not None and not self.chosen:
            found = f"{self.key} is {self.service.network}, but {self.name} is in {self._names(own)}"
            yield (
                Verdict.FAILED,
                found,
                f"Set {self.key} in the stack file to {self._or(self._best(own))}. {_UNHEALTHY}",
            )
        else:
            yield from self._of_the_worker()
            yield from self._of_traefik()

    @property
    def name(self) -> str:
        return self.container.service

    @property
    def key(self) -> str:
        return key(self.service)

    @property
    def own(self) -> list[str]:
        return [network for network in self.container.networks if network != HOST]

    @property
    def chosen(self) -> list[str]:
        """The networks that the stack file may mean."""
        return named(self.stack, self.service, self.own)

    def _of_the_worker(self) -> Iterator[Problem]:
        worker = self.peers.worker
        if len(self.chosen) > 1:
            found = f"{self.key} may mean {' or '.join(self.chosen)}; the updater uses {min(self.chosen)}"
            yield Verdict.WARNING, found, f"If you mean {max(self.chosen)}, write its whole name."
        if worker is None:
            yield from self._of_the_host()
            return
        if worker & set(self.chosen or self.own):
            return
        remedy = f"Add the worker to {self._or(self.chosen or self.own)} in the Compose file"
        if self.chosen:
            found = f"the worker is not in {self._names(self.chosen)}, which {self.key} names for {self.name}"
            if shared := [network for network in self.own if network in worker]:
                remedy += f", or set {self.key} in the stack file to {self._or(shared)}"
        else:
            where = self._names(sorted(worker)) or "no network"
            found = f"the worker is in {where} and shares no network with {self.name} ({self._names(self.own)})"
        yield Verdict.FAILED, found, f"{remedy}. {_UNHEALTHY}"

    def _of_the_host(self) -> Iterator[Problem]:
        used = self.chosen or self.own
        if not set(used) <= self.peers.off_host:
            return
        found = f"the worker runs on the host, which usually does not reach {self.name} in {self._names(used)}"
        if others := [network for network in self.own if network not in self.peers.off_host]:
            remedy = f"Set {self.key} in the stack file to {self._or(others)}."
        else:
            remedy = f"Give {self.name} a network with the driver bridge too, or run the worker in {self._or(used)}."
        yield Verdict.WARNING, found, f"{remedy} If the health check fails, that is why."

    def _of_traefik(self) -> Iterator[Problem]:
        if self.peers.traefik is None:
            return
        there, name = sorted(self.peers.traefik), self.peers.title
        shared = [network for network in self.own if network in there]
        if HOST in there and not shared:
            found = f"{name} is in the host's network, where it cannot resolve the container names in its routes"
            remedy = f"Take {name} out of network_mode: host and publish its ports."
            yield Verdict.FAILED, found, f"{remedy} Until then, clients get errors while {self.name} is live."
        elif not shared:
            where = self._names(there)
            found = f"{name} is in {where} and shares no network with {self.name} ({self._names(self.own)})"
            remedy = f"Add {name} to {self._or(self.own)}. Until then, clients get errors while {self.name} is live."
            yield Verdict.FAILED, found, remedy
        elif self.chosen and not set(self.chosen) & set(shared):
            found = (
                f"{name} reaches {self.name} in {self._names(shared)}, not in {self._names(self.chosen)} ({self.key})"
            )
            remedy = (
                f"Set {self.key} in the stack file to {self._or(shared)}, or add {name} to {self._or(self.chosen)}."
            )
            yield Verdict.WARNING, found, remedy

    def _best(self, networks: Sequence[str]) -> Sequence[str]:
        """Those of `networks` in which worker and Traefik are too, else those of the worker, else all."""
        worker = [n for n in networks if self.peers.worker is None or n in self.peers.worker]
        both = [n for n in worker if self.peers.traefik is None or n in self.peers.traefik]
        return both or worker or networks

    def _names(self, networks: Sequence[str]) -> str:
        return ", ".join(map(self._short, networks))

    def _or(self, networks: Sequence[str]) -> str:
        return " or ".join(map(self._short, networks))

    def _short(self, network: str) -> str:
        return short(self.stack, network)
