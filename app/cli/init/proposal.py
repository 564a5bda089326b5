"""The content of a stack file, derived from a Compose project, with notes on each part."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from app.cli.init.answers import NO_ANSWERS, Answers
from app.cli.init.images.facts import FindImage, no_images
from app.cli.init.images.labels_of_images import with_image_labels
from app.cli.init.notes import Notes
from app.cli.init.project import service_facts as facts
from app.cli.init.project.compose_file import Project
from app.cli.init.project.service_facts import Service
from app.cli.init.project.url_lists import listed_urls
from app.cli.init.routes.routed import (
    Led,
    RoutedFound,
    all_leads,
    find_routed,
)
from app.cli.init.routes.shared_rules import resolve_equal_rules
from app.cli.init.routes.unrouted import refuse_unrouted
from app.cli.init.services.own_services import old_updaters, own_services
from app.cli.init.services.pairs import Pair, color_pairs, colored_hosts, name_prefix, reached_hosts
from app.cli.init.services.servers import servers
from app.cli.init.services.singletons import Found, Others, likely_singletons
from app.cli.init.sources import Sources
from app.cli.init.traefik.additions import Additions, additions
from app.cli.init.traefik.advice import advise, ask_about_middlewares
from app.cli.init.traefik.dynamic.labels import is_disabled
from app.cli.init.traefik.dynamic.middlewares import all_chains, defined_in_labels
from app.cli.init.traefik.dynamic.routes import skipped_routers
from app.cli.init.traefik.dynamic.streams import Stream, label_streams, streams
from app.cli.init.traefik.dynamic.watched import knows_where, say_where
from app.cli.init.traefik.entrypoints import UNKNOWN, EntryPoint, routable, url
from app.cli.init.traefik.found import FoundTraefik, found_traefik
from app.cli.init.traefik.static.unread import Unread
from app.cli.init.traefik.static.unresolved import overrides, unresolved
from app.cli.init.unread import refuse_streams, refuse_unread
from app.domain.stack import Times


@dataclass(frozen=True)
class Proposal:
    """The content of the stack file. `singletons` maps short name → service, `unsure` short name → (service, reason).

    `metrics` is the URL of Traefik's metrics, which exist only if `has_metrics`. `updater`: the updater's own web and
    worker, if they run in the project. `retired`: the updaters that this one replaces.
    """

    project: Project
    name: str
    repository: str
    entrypoints: Mapping[str, str]
    metrics: str
    has_metrics: bool
    routed: tuple[RoutedFound, ...]
    singletons: Mapping[str, str]
    unsure: Mapping[str, tuple[str, str]]
    retired: tuple[str, ...]
    updater: tuple[str, str] | None
    stop_grace: float
    notes: Notes


@dataclass(frozen=True)
class _Looked:
    """What was read. `leads`: one for each pair; `points`: the entrypoints with the stack's routes."""

    traefik: FoundTraefik
    sources: Sources
    leads: tuple[Led, ...]
    points: Mapping[str, EntryPoint]


def propose(project: Project, find_image: FindImage = no_images, answers: Answers = NO_ANSWERS) -> Proposal:
    """The proposal for `project`; `routed` is empty if no service has two colors.

    Raises Refused if a route would lose a middleware or TLS options, or might.
    """
    notes, find_image = Notes(), cache(find_image)
    colored = [service for pair in color_pairs(project.services, project.name) for service in pair.services]
    project = with_image_labels(project, colored, find_image)
    looked = _look(project, find_image, answers, notes)
    found = [find_routed(led, looked.sources, looked.points, notes) for led in looked.leads]
    routed = resolve_equal_rules(found, notes)
    retired = old_updaters({n: s for n, s in project.services.items() if n != looked.traefik.service})
    prefix = name_prefix(project.services, project.name)
    sure, unsure = likely_singletons(project.services, prefix, _others(looked, retired))
    _service_notes(sure, unsure, retired, notes)
    missing = additions(looked.traefik.config)
    _traefik_notes(looked, missing, notes)
    return Proposal(
        project=project,
        name=project.name,
        repository=_repository(project, notes),
        entrypoints=dict(_urls(looked, routed, notes)),
        metrics=f"{url(looked.traefik.host, missing.metrics.port, tls=missing.metrics.tls)}/metrics",
        has_metrics=looked.traefik.service is not None and missing.has_metrics,
        routed=routed,
        singletons={name: service for name, (service, _) in sure.items()},
        unsure=unsure,
        retired=tuple(retired),
        updater=_updater(project, notes),
        stop_grace=max([Times.stop_grace, *(facts.stop_seconds(project.services[r.blue]) for r in routed)]),
        notes=notes,
    )


def _look(project: Project, find_image: FindImage, answers: Answers, notes: Notes) -> _Looked:
    pairs = color_pairs(project.services, project.name)
    hosts = colored_hosts(project.services, pairs)
    traefik = found_traefik(project, answers.copies, answers.nothing_in)
    colored = [service for pair in pairs for service in pair.services]
    if pairs:
        refuse_unread(traefik.service, list(_unread(project, pairs, traefik)), answers, notes)
    urls = tuple(listed_urls(project.services, hosts))
    unread = frozenset(name for name, service in project.services.items() if not traefik.reads_labels(service))
    sources = Sources(
        project,
        reached_hosts(project.services, pairs, project.name),
        traefik.routes,
        urls,
        find_image,
        unread,
        all_chains(traefik.dynamic.documents, project.services.values()),
        defined_in_labels(_defining(project, colored, unread), colored),
    )
    refuse_streams(_streams(project, sources, traefik, colored), notes)
    for name, file, first in skipped_routers(traefik.dynamic.documents):
        notes.check.append(f"router {name} in {file} is left out, as Traefik does: {first} has one of the same name.")
    leads = all_leads(pairs, sources, traefik.points, notes)
    refuse_unrouted(leads, answers, notes, sources.unread_labels)
    used = {way.entrypoint for led in leads for way in led.ways}
    points = routable(traefik.points, used, [pair.name for pair in pairs])
    points |= {name: EntryPoint(name, UNKNOWN.port) for name in used - set(points)}
    return _Looked(traefik, sources, leads, points or {UNKNOWN.name: UNKNOWN})


def _defining(project: Project, colored: Collection[str], unread: Collection[str]) -> dict[str, Service]:
    """The services whose labels define middlewares whatever profiles are active, and those of the colors."""
    return {
        name: service
        for name, service in project.services.items()
        if name in colored or not (name in unread or is_disabled(service) or service.get("profiles"))
    }


def _unread(project: Project, pairs: Sequence[Pair], traefik: FoundTraefik) -> Iterator[Unread]:
    """What may have routers, middlewares or TLS options of `pairs`, and cannot be read."""
    yield from traefik.unread
    yield from overrides(project, traefik.service)
    yield from unresolved(project, [service for pair in pairs for service in pair.services], traefik.service)
    if traefik.service is None:
        yield Unread("traefik", "is no service of this project, and what it reads elsewhere is unknown")


def _streams(project: Project, sources: Sources, traefik: FoundTraefik, colored: Sequence[str]) -> Iterator[Stream]:
    yield from streams(traefik.dynamic.documents, sources.hosts)
    for name in colored:
        if name not in sources.unread_labels:
            yield from label_streams(name, project.services[name])


def _others(looked: _Looked, retired: Mapping[str, str]) -> Others:
    moved = [service for led in looked.leads for service in led.pair.services]
    return Others(moved, retired, servers(looked.sources.project))


def _urls(looked: _Looked, routed: tuple[RoutedFound, ...], notes: Notes) -> Iterator[tuple[str, str]]:
    """Entrypoint name → URL by which the worker reaches it.

    Its routers say whether it takes TLS. Without routers, port 443 counts as TLS, with a question.
    """
    traefik = looked.traefik
    with_tls = {entrypoint for each in routed for entrypoint in each.with_tls}
    with_routers = {way.entrypoint for led in looked.leads for way in led.taken}
    for name, point in looked.points.items():
        tls = point.tls or name in with_tls
        guessed = point.port == facts.HTTPS and not tls and name not in with_routers
        address = url(traefik.host, point.port, tls=tls or guessed)
        if guessed:
            plain = url(traefik.host, point.port, tls=False)
            what = "neither the entrypoint nor a router of this stack there says whether it takes TLS"
            notes.ask(f"traefik/entrypoints/{name}", f"{what}; if it takes plain HTTP, write {plain}")
        if name in traefik.points:
            notes.found.append(f"traefik/entrypoints/{name}: port {point.port} of {traefik.service}")
        else:
            what = f"{traefik.service} has no readable address for it" if traefik.service else "no service is Traefik"
            notes.ask(f"traefik/entrypoints/{name}", f"{what}; {address} is a placeholder")
        ask_about_middlewares(point, [each.name for each in routed if name in each.at], notes)
        yield name, address
    notes.check.append(f"traefik/entrypoints: can the worker, where it will run, reach {traefik.host} by this name?")


def _traefik_notes(looked: _Looked, missing: Additions, notes: Notes) -> None:
    traefik = looked.traefik
    if traefik.service is None:
        notes.check.append("traefik: no service of the project is Traefik. See 'Connect another stack' in README.md.")
        return
    if missing.has_metrics:
        notes.found.append(f"traefik/metrics: entrypoint {missing.metrics.name} of {traefik.service}")
    else:
        notes.check.append(
            "traefik/metrics: without Traefik's metrics the bake checks only the health paths. Add the options below, "
            "then uncomment this line of the stack file."
        )
    advise(traefik.service, traefik.config, missing, notes)
    project = looked.sources.project
    routes = [way.route for led in looked.leads for way in led.ways if way.route.file]
    if not knows_where(project.services, own_services(project.services)):
        say_where(project, traefik.service, traefik.dynamic, routes, notes)


def _service_notes(sure: Found, unsure: Found, retired: Mapping[str, str], notes: Notes) -> None:
    for name, (service, why) in sure.items():
        notes.found.append(f"singletons/{name}: {service} ({why})")
    for service, why in unsure.values():
        notes.check.append(f"singletons: may {service} run twice at once ({why})? It is in the file as a comment.")
    for service, why in retired.items():
        notes.found.append(f"retired: {service} ({why}): this updater replaces it")


def _updater(project: Project, notes: Notes) -> tuple[str, str] | None:
    found = own_services(project.services)
    if found is not None:
        notes.found.append(
            f"updater: {' and '.join(found)} (their commands): a release that changes them replaces them"
        )
    return found


def _repository(project: Project, notes: Notes) -> str:
    if project.repository:
        notes.found.append(f"repository: {project.repository} (git's remote origin)")
        return project.repository
    notes.ask("repository", "git's remote origin is not on GitHub, or there is none")
    return f"example/{project.name}"
