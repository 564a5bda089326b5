"""Reads what leads to the services that get two colors, and refuses what cannot be read or carried over."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.cli.init.answers import Answers
from app.cli.init.images.facts import FindImage
from app.cli.init.notes import Notes
from app.cli.init.project.compose_file import Project
from app.cli.init.project.service_facts import Service, host_names
from app.cli.init.project.url_lists import listed_urls
from app.cli.init.routes.routed import Led, all_leads
from app.cli.init.routes.unrouted import refuse_unrouted
from app.cli.init.services.made import refuse_one_network
from app.cli.init.services.pairs import Pair, color_pairs, colored_hosts, made_pairs, reached_hosts
from app.cli.init.services.roles import Kind, Roles, roles_of
from app.cli.init.sources import Sources
from app.cli.init.traefik.additions import METRICS
from app.cli.init.traefik.dynamic.labels import has_routers, is_disabled
from app.cli.init.traefik.dynamic.middlewares import all_chains, defined_in_labels
from app.cli.init.traefik.dynamic.routes import skipped_routers
from app.cli.init.traefik.dynamic.streams import Stream, label_streams, streams
from app.cli.init.traefik.entrypoints import DEFAULT, UNKNOWN, EntryPoint, routable
from app.cli.init.traefik.found import FoundTraefik, found_traefik
from app.cli.init.traefik.static.static_config import Form
from app.cli.init.traefik.static.unread import Unread
from app.cli.init.traefik.static.unresolved import overrides, unresolved
from app.cli.init.unread import refuse_streams, refuse_unread


@dataclass(frozen=True)
class Looked:
    """What was read. `leads`: one for each pair; `points`: the entrypoints with the stack's routes.

    `roles`: those of a project without colors. `new`: the project has no Traefik, so it gets one.
    """

    traefik: FoundTraefik
    sources: Sources
    leads: tuple[Led, ...]
    points: Mapping[str, EntryPoint]
    roles: Roles = field(default_factory=Roles)
    new: bool = False

    @property
    def colored(self) -> list[str]:
        return [service for led in self.leads for service in led.pair.services]


def look(project: Project, find_image: FindImage, answers: Answers, notes: Notes) -> Looked:
    """Raises Refused if a route would lose a middleware or TLS options, or might."""
    traefik = found_traefik(project, answers.copies, answers.nothing_in)
    pairs, roles = _pairs(project, traefik)
    for pair in pairs:
        refuse_one_network(pair, project.services)
    colored = [service for pair in pairs for service in pair.services]
    new = _is_without_traefik(project, pairs, traefik)
    if pairs:
        refuse_unread(traefik.service, list(_unread(project, colored, traefik, new=new)), answers, notes)
    sources = _sources(project, find_image, pairs, traefik)
    refuse_streams(_streams(project, sources, traefik, colored), notes)
    for name, file, first in skipped_routers(traefik.dynamic.documents):
        notes.check.append(f"router {name} in {file} is left out, as Traefik does: {first} has one of the same name.")
    leads = tuple(
        _with_own_point(led, traefik, sources, new=new) if led.pair.name not in answers.opened else led
        for led in all_leads(pairs, sources, traefik.points, notes)
    )
    refuse_unrouted([led for led in leads if not led.own_point], answers, notes, sources.unread_labels)
    if new:
        return Looked(traefik, sources, leads, {}, roles, new)
    used = {way.entrypoint for led in leads for way in led.ways}
    points = routable(traefik.points, used, [pair.name for pair in pairs])
    points |= {name: EntryPoint(name, UNKNOWN.port) for name in used - set(points)}
    return Looked(traefik, sources, leads, points or {UNKNOWN.name: UNKNOWN}, roles)


def _pairs(project: Project, traefik: FoundTraefik) -> tuple[list[Pair], Roles]:
    """The pairs that the project has; else those that the updater makes, with the roles of all services."""
    if pairs := color_pairs(project.services, project.name):
        return pairs, Roles()
    servers = {server.host for route in traefik.routes if route.router for server in route.servers}
    led = [n for n, each in project.services.items() if servers & {host.lower() for host in host_names(n, each)}]
    roles = roles_of(project, led, traefik.service)
    return made_pairs(project.services, project.name, list(roles.of(Kind.ROUTED))), roles


def _is_without_traefik(project: Project, pairs: Sequence[Pair], traefik: FoundTraefik) -> bool:
    services = [project.services[name] for pair in pairs for name in pair.services]
    return traefik.service is None and all(pair.made for pair in pairs) and not any(map(has_routers, services))


def _with_own_point(led: Led, traefik: FoundTraefik, sources: Sources, *, new: bool) -> Led:
    """`led`, with the name of an entrypoint of its own if none of Traefik's leads to a service that gets two colors.

    A service with labels for a router keeps the question what they mean.
    """
    service = sources.project.services[led.pair.blue]
    if led.ways or not led.pair.made or has_routers(service) or not (new or traefik.service):
        return led
    taken = {name.lower() for name in traefik.points} | {DEFAULT, METRICS}
    name = f"{led.pair.name}-inner" if led.pair.name in taken else led.pair.name
    # in the name of a variable, an underscore separates the parts of an option
    return replace(led, own_point=name.replace("_", "-") if traefik.config.form is Form.ENVIRONMENT else name)


def _sources(project: Project, find_image: FindImage, pairs: list[Pair], traefik: FoundTraefik) -> Sources:
    colored = [service for pair in pairs for service in pair.services]
    hosts = colored_hosts(project.services, pairs)
    unread = frozenset(name for name, service in project.services.items() if not traefik.reads_labels(service))
    return Sources(
        project,
        reached_hosts(project.services, pairs, project.name),
        traefik.routes,
        tuple(listed_urls(project.services, hosts)),
        find_image,
        unread,
        all_chains(traefik.dynamic.documents, project.services.values()),
        defined_in_labels(_defining(project, colored, unread), colored),
    )


def _defining(project: Project, colored: Collection[str], unread: Collection[str]) -> dict[str, Service]:
    """The services whose labels define middlewares whatever profiles are active, and those of the colors."""
    return {
        name: service
        for name, service in project.services.items()
        if name in colored or not (name in unread or is_disabled(service) or service.get("profiles"))
    }


def _unread(project: Project, colored: Sequence[str], traefik: FoundTraefik, *, new: bool) -> Iterator[Unread]:
    """What may have routers, middlewares or TLS options of the `colored` services, and cannot be read."""
    yield from traefik.unread
    yield from overrides(project, traefik.service)
    yield from unresolved(project, colored, traefik.service)
    if traefik.service is None and not new:
        yield Unread("traefik", "is no service of this project, and what it reads elsewhere is unknown")


def _streams(project: Project, sources: Sources, traefik: FoundTraefik, colored: Sequence[str]) -> Iterator[Stream]:
    yield from streams(traefik.dynamic.documents, sources.hosts)
    for name in colored:
        if name not in sources.unread_labels:
            yield from label_streams(name, project.services[name])
