"""Chooses the address at which the worker reaches a container that is in several networks."""

import asyncio
from dataclasses import replace
from pathlib import Path

from app.domain.routing.networks import Peers, choose
from app.domain.stack import RoutedService, Stack
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.own_services.container import own_container, own_networks
from workers.adapters.docker_host.survey import mounts_of, off_host, seen_of
from workers.definition.services.roles import role_in
from workers.inspect.mounts import outside
from workers.ports import Instance
from workers.routing.traefik_container import peers_among

LOOK_SECONDS = 30.0
"""How long the networks of Traefik count as known, if it was found in none of a container's."""


class Addresses:
    """Chooses as `app.domain.routing.networks` says. `route`: the route file, by which Traefik's container is found.

    The worker's own networks are asked for once, and again when a container seems to be in none of them. Those of
    Traefik and of the engine only matter for a routed container in several networks that the worker reaches.
    """

    def __init__(
        self, docker: Docker, stack: Stack, route: Path | None = None, *, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._docker, self._stack, self._route, self._look_seconds = docker, stack, route, look_seconds
        self._services = {name: service for service in stack.routed for name in service.colors.values()}
        self._by_name = {service.name: service for service in stack.routed}
        self._peers: Peers | None = None
        self._looked: float | None = None

    async def choose(self, instance: Instance) -> Instance:
        """The instance with its address; without one if the worker reaches none. Raises EngineFailed."""
        networks = frozenset(instance.addresses)
        if not networks:
            return instance
        service = self._services.get(instance.service) or self._renamed(instance)
        if service is None:
            reached = (await self._with_worker(networks)).worker_reaches(networks)
            return _at(instance, min(reached, default=None))
        peers = Peers() if service.network is not None else await self._peers_for(networks)
        return _at(instance, choose(self._stack, service, networks, peers).network)

    async def peers(self) -> Peers:
        """Who is in which networks now. Raises EngineFailed."""
        own, containers, unreached = await asyncio.gather(
            own_container(self._docker),
            self._docker.call(lambda c: c.containers.list(ignore_removed=True)),
            off_host(self._docker),
        )
        route = self._route and outside(self._route, None if own is None else mounts_of(own.attrs))
        return peers_among(
            [seen_of(container.attrs) for container in containers],
            route,
            own_name=None if own is None else seen_of(own.attrs).name,
            own_networks=await own_networks(self._docker, own),
            off_host=unreached,
        )

    async def _peers_for(self, networks: frozenset[str]) -> Peers:
        peers, now = await self._with_worker(networks), asyncio.get_running_loop().time()
        reached = peers.worker_reaches(networks)
        due = self._looked is None or now - self._looked >= self._look_seconds
        if due and len(reached) > 1 and not peers.traefik_reaches(reached):
            self._peers = peers = await self.peers()
            self._looked = now
        return peers

    async def _with_worker(self, networks: frozenset[str]) -> Peers:
        """What is known, with the worker's networks."""
        if self._peers is None or not self._peers.worker_reaches(networks):
            own = await own_networks(self._docker, await own_container(self._docker))
            self._peers = replace(self._peers or Peers(), worker=own)
        return self._peers

    def _renamed(self, instance: Instance) -> RoutedService | None:
        """The service of a color whose Compose service had another name when its release was defined."""
        role = role_in(instance.labels)
        return self._by_name.get(role.name) if role.color and role.name else None


def _at(instance: Instance, network: str | None) -> Instance:
    return replace(instance, address=instance.addresses[network] if network is not None else None)
