"""What a stack file would say, found in a Compose project, and how sure each part is. Pure but for Traefik's file."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from app.cli.starting import entrypoints as traefik
from app.cli.starting import service_facts as facts
from app.cli.starting.compose_file import Project
from app.cli.starting.notes import Notes
from app.cli.starting.own_services import own_services
from app.cli.starting.routed import Points, RoutedFound, color_pairs, find_routed, note_shared_entrypoints
from app.cli.starting.singletons import likely_singletons
from app.domain.stack import Times

NO_TRAEFIK = ("web", "http://traefik:80")


@dataclass(frozen=True)
class Proposal:
    """Everything of the stack file. `singletons` and `unsure` map a service's short name to it, and to why.

    `updater`: its own web and worker, where it runs in the project.
    """

    project: Project
    name: str
    repository: str
    entrypoints: Mapping[str, str]
    metrics: str | None
    routed: tuple[RoutedFound, ...]
    singletons: Mapping[str, str]
    unsure: Mapping[str, tuple[str, str]]
    updater: tuple[str, str] | None
    stop_grace: float
    notes: Notes


def propose(project: Project) -> Proposal:
    """Whatever can be found; `routed` is empty where no service has two colors."""
    notes = Notes()
    colored = color_pairs(project.services)
    names = _short_names(project.name, colored)
    points = _entrypoints(project, names.values(), notes)
    routed = tuple(find_routed(project.services, names[base], two, points, notes) for base, two in colored.items())
    note_shared_entrypoints(routed, notes)
    sure, unsure = likely_singletons(project.services, project.name, moved={s for two in colored.values() for s in two})
    _singleton_notes(sure, unsure, notes)
    urls = {name: address for name, (address, _) in points.items()}
    repository = _repository(project, notes)
    return Proposal(
        project=project,
        name=project.name,
        repository=repository,
        entrypoints=urls,
        metrics=_metrics(project, notes),
        routed=routed,
        singletons={name: service for name, (service, _) in sure.items()},
        unsure=unsure,
        updater=_updater(project, notes),
        stop_grace=max([Times.stop_grace, *(facts.stop_seconds(project.services[r.blue]) for r in routed)]),
        notes=notes,
    )


def _short_names(project: str, colored: Mapping[str, object]) -> dict[str, str]:
    """Without the project's name in front, where that leaves each its own."""
    short = {base: base.removeprefix(f"{project}-").removeprefix(f"{project}_") or base for base in colored}
    taken = Counter(short.values())
    return {base: name if taken[name] == 1 else base for base, name in short.items()}


def _entrypoints(project: Project, names: Collection[str], notes: Notes) -> Points:
    """Name → URL and port."""
    service, every = _traefik(project)
    found = traefik.routable(every, names)
    if service is None or not found:
        name, address = NO_TRAEFIK
        what = f"the service {service} names no entrypoint" if service else "no service is Traefik"
        notes.guessed.append(f"traefik/entrypoints/{name}: {address} ({what} that could be read)")
        notes.check.append("traefik/entrypoints: Traefik's own names and ports; the routes go by them.")
        return {name: (address, 80)}
    host = _host(project, service)
    for name, port in found.items():
        notes.found.append(f"traefik/entrypoints/{name}: port {port} of {service}")
    notes.check.append(f"traefik/entrypoints: does the worker reach {host} by this name, from where it will run?")
    return {name: (traefik.url(host, port), port) for name, port in found.items()}


def _metrics(project: Project, notes: Notes) -> str | None:
    """The URL of Traefik's metrics: an entrypoint of their name has them, or else Traefik's own."""
    service, found = _traefik(project)
    port = found.get("metrics") or found.get("traefik")
    if service is None or port is None:
        notes.check.append("traefik/metrics: without Traefik's metrics what clients are answered is not watched.")
        return None
    notes.found.append(f"traefik/metrics: port {port} of {service}")
    return f"{traefik.url(_host(project, service), port)}/metrics"


def _traefik(project: Project) -> tuple[str | None, dict[str, int]]:
    """The service that is Traefik, and all of its entrypoints."""
    service = traefik.find_traefik(project.services)
    return service, traefik.entrypoints(project.services[service], project.directory) if service else {}


def _host(project: Project, service: str) -> str:
    """By what name the worker reaches `service`."""
    return "127.0.0.1" if project.services[service].get("network_mode") == "host" else service


def _updater(project: Project, notes: Notes) -> tuple[str, str] | None:
    found = own_services(project.services)
    if found is not None:
        notes.found.append(
            f"updater: {' and '.join(found)} (their commands): a release that changes them replaces them"
        )
    return found


def _singleton_notes(sure: Mapping[str, tuple[str, str]], unsure: Mapping[str, tuple[str, str]], notes: Notes) -> None:
    for name, (service, why) in sure.items():
        notes.found.append(f"singletons/{name}: {service} ({why})")
    for service, why in unsure.values():
        notes.check.append(f"singletons: may two of {service} run at once ({why})? It is written as a comment.")


def _repository(project: Project, notes: Notes) -> str:
    if project.repository:
        notes.found.append(f"repository: {project.repository} (git's remote origin)")
        return project.repository
    notes.guessed.append(f"repository: example/{project.name} (git's remote origin is not on GitHub, or there is none)")
    return f"example/{project.name}"
