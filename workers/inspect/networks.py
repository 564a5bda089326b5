"""Checks that the worker and Traefik reach the containers of each routed service."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.findings import Check, Verdict
from app.domain.stack import RoutedService, Stack
from workers.inspect.traefik import running_traefik, title
from workers.ports import Seen, Survey

_HOST = "host"
_UNHEALTHY = "Until then, every release fails its health check. Your traffic is not affected."

Problem = tuple[Verdict, str, str]
"""The verdict, what was found, and the remedy."""


def checks(stack: Stack, seen: Survey, route: Path) -> list[Check]:
    """A check for each routed service with a network problem; none if there is no problem.

    A problem is a running container that the worker or Traefik cannot reach, or a `network` key that is ambiguous or
    names none of Traefik's networks.
    `route` is the route file's path on the host, by which Traefik's container is found.
    """
    traefik, found = running_traefik(seen, route), list[Check]()
    for service in stack.routed:
        running = [c for c in seen.containers if c.state == "running" and c.moved_service in service.colors.values()]
        problems = [p for c in running for p in _Reach(stack, service, c, seen, traefik).problems()]
        if problems:
            worst = max((verdict for verdict, _, _ in problems), key=lambda verdict: verdict.rank)
            texts = ("; ".join(dict.fromkeys(p[1] for p in problems)), " ".join(dict.fromkeys(p[2] for p in problems)))
            found.append(Check(f"network_{service.name}", worst, *texts))
    return found


@dataclass(frozen=True)
class _Reach:
    """A running `container` of `service`, and who has to reach it. `traefik` None: not found among the containers.

    Without networks, Traefik uses those of another container, which are not known here.
    """

    stack: Stack
    service: RoutedService
    container: Seen
    seen: Survey
    traefik: Seen | None

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
        return f"routed/{self.service.name}/network"

    @property
    def own(self) -> list[str]:
        return [network for network in self.container.networks if network != _HOST]

    @property
    def chosen(self) -> list[str]:
        """The networks that the stack file may mean."""
        wanted = {self.service.network, f"{self.stack.project}_{self.service.network}"}
        return [network for network in self.own if network in wanted]

    @property
    def worker(self) -> frozenset[str] | None:
        """The worker's networks. None: it runs in no container or in the host's network, and reaches every one."""
        own = self.seen.own_networks
        return None if own is None or _HOST in own else own

    def _of_the_worker(self) -> Iterator[Problem]:
        worker = self.worker
        if len(self.chosen) > 1:
            found = f"{self.key} may mean {' or '.join(self.chosen)}; the updater uses {min(self.chosen)}"
            yield Verdict.WARNING, found, f"If you mean {max(self.chosen)}, write its whole name."
        if worker is None or worker & set(self.chosen or self.own):
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

    def _of_traefik(self) -> Iterator[Problem]:
        if self.traefik is None or not self.traefik.networks:
            return
        there, name = self.traefik.networks, title(self.traefik)
        shared = [network for network in self.own if network in there]
        if _HOST in there:
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
        worker = [n for n in networks if self.worker is None or n in self.worker]
        both = [n for n in worker if self.traefik is None or n in self.traefik.networks]
        return both or worker or networks

    def _names(self, networks: Sequence[str]) -> str:
        return ", ".join(map(self._short, networks))

    def _or(self, networks: Sequence[str]) -> str:
        return " or ".join(map(self._short, networks))

    def _short(self, network: str) -> str:
        """As the Compose file and the stack file write it."""
        return network.removeprefix(f"{self.stack.project}_")
