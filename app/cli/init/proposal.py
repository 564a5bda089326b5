"""The content of a stack file, derived from a Compose project, with notes on each part."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from app.cli.init.answers import NO_ANSWERS, Answers
from app.cli.init.images.facts import FindImage, no_images
from app.cli.init.images.labels_of_images import with_image_labels
from app.cli.init.looked import Looked, look
from app.cli.init.notes import Notes
from app.cli.init.project import service_facts as facts
from app.cli.init.project.compose_file import Project
from app.cli.init.routes.routed import RoutedFound, find_routed
from app.cli.init.routes.shared_rules import resolve_equal_rules
from app.cli.init.services.made import note_made, note_proxies
from app.cli.init.services.own_services import old_updaters, own_services
from app.cli.init.services.pairs import color_pairs, name_prefix
from app.cli.init.services.released import TagVariable, released, tag_variables
from app.cli.init.services.servers import servers
from app.cli.init.services.singletons import Others, likely_singletons
from app.cli.init.services.uncolored import Uncolored, of_pairs, of_roles
from app.cli.init.traefik_part import TraefikPart, traefik_part
from app.domain.stack import Times


@dataclass(frozen=True)
class Proposal:
    """The content of the stack file. `uncolored`: the services without colors that move, by their role.

    `updater`: the updater's own web and worker, if they run in the project. `retired`: the updaters that this one
    replaces. `variables`: those in tags of images.
    """

    project: Project
    name: str
    repository: str
    traefik: TraefikPart
    routed: tuple[RoutedFound, ...]
    uncolored: Uncolored
    retired: tuple[str, ...]
    updater: tuple[str, str] | None
    stop_grace: float
    notes: Notes
    variables: tuple[TagVariable, ...] = ()


def propose(project: Project, find_image: FindImage = no_images, answers: Answers = NO_ANSWERS) -> Proposal:
    """The proposal for `project`; `routed` is empty if no service has two colors, and none can be given two.

    Raises Refused if a route would lose a middleware or TLS options, or might.
    """
    notes, find_image = Notes(), cache(find_image)
    project = with_image_labels(project, _colored(project), find_image)
    looked = look(project, find_image, answers, notes)
    found = [find_routed(led, looked.sources, looked.points, notes) for led in looked.leads]
    resolved = resolve_equal_rules([each for each in found if not _is_alone(each, looked)], notes)
    routed = tuple(next((r for r in resolved if r.name == each.name), each) for each in found)
    retired = old_updaters({n: s for n, s in project.services.items() if n != looked.traefik.service})
    uncolored = _uncolored(looked, retired)
    _service_notes(looked, routed, uncolored, retired, notes)
    part = traefik_part(looked, routed, notes)
    return Proposal(
        project=project,
        name=project.name,
        repository=_repository(project, notes),
        traefik=part,
        routed=routed,
        uncolored=uncolored,
        retired=tuple(retired),
        updater=_updater(project, notes),
        stop_grace=max([Times.stop_grace, *(facts.stop_seconds(project.services[r.blue]) for r in routed)]),
        notes=notes,
        variables=tuple(_variables(looked, notes)),
    )


def _is_alone(found: RoutedFound, looked: Looked) -> bool:
    """Whether it has an entrypoint of its own, where no other service claims requests."""
    return any(led.own_point for led in looked.leads if led.pair.name == found.name)


def _uncolored(looked: Looked, retired: Mapping[str, str]) -> Uncolored:
    project = looked.sources.project
    if looked.roles.moved:
        return of_roles(looked.roles, project)
    others = Others(looked.colored, retired, servers(project))
    return of_pairs(*likely_singletons(project.services, name_prefix(project.services, project.name), others))


def _service_notes(
    looked: Looked, routed: Sequence[RoutedFound], uncolored: Uncolored, retired: Mapping[str, str], notes: Notes
) -> None:
    services = looked.sources.project.services
    uncolored.note(notes)
    for pair, found in zip((led.pair for led in looked.leads), routed, strict=True):
        if pair.made:
            note_made(pair, found.port, services, notes, traefik=looked.traefik.service)
    if looked.new:
        note_proxies(services, {name: facts.image_name(each) for name, each in services.items()}, notes)
    for service, why in retired.items():
        notes.found.append(f"retired: {service} ({why}): this updater replaces it")


def _variables(looked: Looked, notes: Notes) -> Iterator[TagVariable]:
    """The variables that name the release in images of services that move."""
    project = looked.sources.project
    for each in tag_variables(project, [name for name in released(project) if name in looked.roles.moved]):
        notes.ask(
            f"variables/{each.name}",
            f"the image of {each.service} has this variable in its tag: is that the release's {each.value}? The value "
            "here overrides that of .env",
        )
        yield each


def _colored(project: Project) -> list[str]:
    """The services that have colors, else those that may get them."""
    pairs = color_pairs(project.services, project.name)
    return [service for pair in pairs for service in pair.services] or list(released(project))


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
