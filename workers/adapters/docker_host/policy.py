"""Checks a release against `policy/forbid`: collects what the check needs to know about this host."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docker.models.networks import Network

from app.domain.stack import Forbid, Stack
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.reached import names_of
from workers.definition.refusals.forbidden import EnvFilePaths, Use, forbidden
from workers.definition.refusals.places import SOCKETS, Places

NEED_NETWORKS = frozenset({Forbid.DOCKER_SOCKET, Forbid.HOST_NAMESPACES})


class ReleasePolicyCheck:
    """The policy of `stack`. `data`: the updater's data directory."""

    def __init__(self, docker: Docker, stack: Stack, data: Path) -> None:
        self._docker, self._stack, self._data = docker, stack, data

    async def forbidden(
        self, tree: Path, model: Mapping[str, Any], before: Mapping[str, Any] | None, env_files: EnvFilePaths
    ) -> list[Use]:
        """The forbidden uses in the `model` of the release in `tree`; `before` is what is live.

        `env_files`: the paths of each service's `env_file`. Raises EngineFailed.
        """
        if not self._stack.policy.forbid:
            return []
        return forbidden(model, before, self._stack, await self._places(tree), env_files)

    async def _places(self, tree: Path) -> Places:
        host = urlsplit(self._docker.host or "")
        sockets = [*SOCKETS, *([host.path] if host.scheme == "unix" else [])]
        places = Places(self._stack.directory, str(tree), str(self._data), sockets)
        if NEED_NETWORKS.isdisjoint(self._stack.policy.forbid):
            return places
        networks = await self._docker.call(lambda c: c.networks.list())
        hosts = [network for network in networks if network.attrs.get("Driver") == "host"]
        engines = await self._engine_networks(host.hostname, networks)
        return replace(places, engine_networks=engines, host_networks=_names(hosts) | {"host"})

    async def _engine_networks(self, host: str | None, networks: list[Network]) -> frozenset[str]:
        """The networks of the container that is the engine for this worker: a socket proxy, by its name or address."""
        if host is None:
            return frozenset()
        containers = await self._docker.call(lambda c: c.containers.list(ignore_removed=True))
        inside: set[str] = set()
        for container in containers:
            attached = container.attrs["NetworkSettings"]["Networks"] or {}
            if host in names_of(container.attrs) | {each["IPAddress"] for each in attached.values()}:
                inside |= set(attached)
        return _names([network for network in networks if network.name in inside])


def _names(networks: list[Network]) -> frozenset[str]:
    """Names and ids: a Compose file may name a network by either."""
    return frozenset(str(name) for network in networks for name in (network.name, network.id))
