"""Chooses the address at which the worker reaches a container that is in several networks."""

from dataclasses import replace

from app.domain.stack import Stack
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.own_services.container import own_container, own_networks
from workers.definition.roles import role_in
from workers.ports import Instance


class Addresses:
    """`routed/<name>/network` decides; without it, a network that the worker is in too.

    A worker that runs in no container reaches every network of this host. The worker's own networks are asked for once,
    and again when a container seems to be in none of them.
    """

    def __init__(self, docker: Docker, stack: Stack) -> None:
        self._docker, self._stack = docker, stack
        self._networks = {name: s.network for s in stack.routed for name in s.colors.values() if s.network}
        self._by_name = {s.name: s.network for s in stack.routed if s.network}
        self._own: frozenset[str] | None = None
        self._known = False

    async def choose(self, instance: Instance) -> Instance:
        """The instance with its address; without one if the worker reaches none. Raises EngineFailed."""
        network = self._networks.get(instance.service) or self._renamed(instance)
        if network is not None:
            wanted = {network, f"{self._stack.project}_{network}"}
            return _at(instance, wanted & set(instance.addresses))
        if not instance.addresses:
            return instance
        shared = await self._shared(instance, again=False) or await self._shared(instance, again=True)
        return _at(instance, shared)

    def _renamed(self, instance: Instance) -> str | None:
        """The network of a color whose Compose service had another name when its release was defined."""
        role = role_in(instance.labels)
        return self._by_name.get(role.name) if role.color and role.name else None

    async def _shared(self, instance: Instance, *, again: bool) -> set[str]:
        if again or not self._known:
            self._own = await own_networks(self._docker, await own_container(self._docker))
            self._known = True
        return set(instance.addresses) if self._own is None else set(instance.addresses) & self._own


def _at(instance: Instance, networks: set[str]) -> Instance:
    return replace(instance, address=instance.addresses[min(networks)] if networks else None)
