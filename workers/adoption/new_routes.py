"""Finds other routers that still lead clients to a service that the live release does not route."""

from app.domain.errors import RouteNotConfirmed
from app.domain.release_stack import lacking
from app.domain.stack import Stack
from workers.adoption.adopt import find_all
from workers.adoption.drift import live_stack
from workers.adoption.reach import hosts_of
from workers.adoption.strays import outranks
from workers.ports import Ports
from workers.routing.routers import read_routing


async def still_led(stack: Stack, ports: Ports) -> list[str]:
    """Each router in the watched directory that Traefik would still choose after the flip, with what to write.

    A service becomes routed that another program's file has routed until now. Raises EngineFailed.
    """
    if ports.journal.state.current is None:
        return []  # the adoption takes over such routers
    missing = lacking(stack, await live_stack(stack, ports))
    new = [service for service in stack.routed if service.name in missing]
    try:
        files = await ports.route.files() if new else {}
    except RouteNotConfirmed:
        return []  # the flip reports it
    others = {name: text for name, text in files.items() if name != ports.route.file.name}
    hosts = hosts_of(stack, await find_all(stack, ports)) if others else {}
    return [
        f"{router.where} leads clients to {service.name}, which the live release does not route, and Traefik would "
        "still choose that router after the flip. Give it `priority: 1`: it then serves until the flip, and is set "
        "aside with it"
        for router in read_routing(others, hosts).routers
        for service in new
        if router.services and any(outranks(router, route) for route in service.routes)
    ]
