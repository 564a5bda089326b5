"""Looks at the ports that the routers of a pair lead to: the stack file has one port for each service."""

from collections.abc import Iterator, Sequence

from app.cli.errors import Refused
from app.cli.init.notes import Notes
from app.cli.init.project.host_ports import is_this_machine
from app.cli.init.routes.routing import Way, named_router
from app.cli.init.services.pairs import Pair
from app.cli.init.sources import Sources


def refuse_several_ports(pair: Pair, ways: Sequence[Way], sources: Sources) -> None:
    """Raises Refused if two routers lead to different ports: one may need a password, and the other not."""
    known = [(way, ports) for way in ways if (ports := set(_ports(way, sources)))]
    for way, ports in known:
        if not ports & known[0][1]:
            first, _ = known[0]
            raise Refused(
                f"routed/{pair.name}: {named_router(first)} leads to port {min(known[0][1])}, and {named_router(way)} "
                f"to port {min(ports)}. The stack file has one port for a service, so clients of one router would "
                "reach the port of the other one.",
                "Keep the routers of one port; remove the others, or let one port serve both rules. Then run this "
                "again.",
            )


def ask_about_addresses(pair: Pair, ways: Sequence[Way], sources: Sources, notes: Notes) -> None:
    """Adds a question about a server that is a color only if its address is this machine's."""
    unsure = (
        f"{way.route.where} leads to {server.host}:{server.port}: is that this machine? {name} publishes the port"
        for way in ways
        for server in way.route.servers
        if server.host not in sources.hosts and (name := sources.service_at(server))
        if not is_this_machine(sources.project.services[name], server.host, server.port)
    )
    for question in dict.fromkeys(unsure):
        notes.ask(f"routed/{pair.name}/rule", question)


def _ports(way: Way, sources: Sources) -> Iterator[int]:
    """Ports in the containers."""
    for server in way.route.servers:
        if way.route.file or server.host in sources.hosts:
            yield from sources.ports_at(server)
        elif server.port:
            yield server.port
