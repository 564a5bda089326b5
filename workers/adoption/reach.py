"""By which names and addresses routers reach the stack's colored containers. Pure functions."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from app.domain.stack import Color, RoutedService, Stack
from workers.ports import Instance
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


def used_hosts(stack: Stack, color: Color, found: Found, ours: Sequence[Router]) -> dict[str, tuple[str, ...]]:
    """The hosts by which the updater's route reaches the serving copies.

    A name that leads to this color alone stays: that of its service or container. Another one may be an alias that both
    colors have, so the container's name takes its place; the engine knows it in the same networks. An address changes
    when its container restarts: the route then uses the service's name.
    """
    hosts: dict[str, tuple[str, ...]] = {}
    for service in stack.routed:
        name = service.colors[color]
        containers = {i.host for i in found.get(name, ()) if i.running and i.host}
        used = {host for host in _hosts_of(service, ours) if not _is_address(host)}
        own = {host for host in used if host in {host_form(name), *map(host_form, containers)}}
        if not used and any(i.single for i in found.get(name, ())):  # no network knows it by the color's name
            used = containers
        if used and (kept := own if own == used else containers):
            hosts[service.name] = tuple(sorted(kept))
    return hosts


def _hosts_of(service: RoutedService, ours: Sequence[Router]) -> set[str]:
    return {host_form(urlsplit(x.url).hostname or "") for router in ours for x in router.servers if x.is_of(service)}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def only_by_address(stack: Stack, color: Color, found: Found, ours: Sequence[Router]) -> Iterator[str]:
    """Reports copies that the old routes reach by address: the updater's route then uses the service's name."""
    for service in stack.routed:
        name, hosts = service.colors[color], _hosts_of(service, ours)
        names = {host_form(n) for i in found.get(name, ()) if i.running and not i.single for n in i.names}
        if hosts and all(map(_is_address, hosts)) and names and host_form(name) not in names:
            urls = sorted({x.url for router in ours for x in router.servers if x.is_of(service)})
            yield (
                f"{', '.join(urls)} leads to a container that no network knows as {name}, but the updater's "
                f"route uses {name}: give it that alias in a network that Traefik is in"
            )
