"""By which names and addresses routers reach the stack's colored containers. Pure functions."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from app.domain.stack import Color, RoutedService, Stack
from workers.ports import Instance
from workers.routing.copies import copy_hosts
from workers.routing.routers import Router
from workers.routing.servers import Backend, host_form

Found = Mapping[str, Sequence[Instance]]
"""The instances of each Compose service that the stack file names, including stopped ones."""


def hosts_of(stack: Stack, found: Found) -> dict[str, list[Backend]]:
    """Every name and address by which a router can reach a colored service, in the form of `host_form`.

    If several services share a name, such as a network alias, it leads to those that run.
    """
    reached: dict[str, list[Backend]] = {}
    running: dict[str, list[Backend]] = {}
    for service in stack.routed:
        for color, name in service.colors.items():
            copies = found.get(name, ())
            names = {name, *(n for i in copies for n in _reached_by(i))}
            for each in {host_form(n) for n in names}:
                reached.setdefault(each, []).append((service, color))
                if any(i.running for i in copies):
                    running.setdefault(each, []).append((service, color))
    return reached | running


def _reached_by(instance: Instance) -> Iterator[str]:
    yield from instance.names
    yield from (instance.address,) if instance.address else ()
    yield from instance.addresses.values()
    yield from instance.every_address


def _hosts_of(service: RoutedService, ours: Sequence[Router]) -> set[str]:
    return {host_form(urlsplit(x.url).hostname or "") for router in ours for x in router.servers if x.is_of(service)}


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def only_by_address(stack: Stack, color: Color, found: Found, ours: Sequence[Router]) -> Iterator[str]:
    """Reports copies that the old routes reach by address, and that have no name: the updater's route needs one."""
    named = copy_hosts(stack, color, found)
    for service in (s for s in stack.routed if s.name not in named):
        name, hosts = service.colors[color], _hosts_of(service, ours)
        names = {host_form(n) for i in found.get(name, ()) if i.running and not i.single for n in i.names}
        if hosts and all(map(is_address, hosts)) and names and host_form(name) not in names:
            urls = sorted({x.url for router in ours for x in router.servers if x.is_of(service)})
            yield (
                f"{', '.join(urls)} leads to a container that no network knows as {name}, but the updater's "
                f"route uses {name}: give it that alias in a network that Traefik is in"
            )
