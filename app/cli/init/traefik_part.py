"""The part `traefik` of a stack file: the entrypoints' URLs, the metrics, and notes on what Traefik lacks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.cli.init.looked import Looked
from app.cli.init.notes import Notes
from app.cli.init.project import service_facts as facts
from app.cli.init.project.compose_file import Project
from app.cli.init.routes.routed import RoutedFound
from app.cli.init.services.own_services import own_services
from app.cli.init.traefik.additions import Additions, additions
from app.cli.init.traefik.advice import advise, ask_about_middlewares, lines, place
from app.cli.init.traefik.dynamic.watched import VARIABLE, knows_where, own_name, say_where
from app.cli.init.traefik.entrypoints import url
from app.cli.init.traefik.own_traefik import DIRECTORY, METRICS, NAME, OwnPoints, new_service, own_points, yaml_lines


@dataclass(frozen=True)
class TraefikPart:
    """`entrypoints`: name → URL. `metrics` is the URL of Traefik's metrics, which exist only if `has_metrics`.

    `model`: the project's model, with what Traefik has to take over.
    """

    entrypoints: Mapping[str, str]
    metrics: str
    has_metrics: bool
    model: Mapping[str, Any] = field(default_factory=dict)


def traefik_part(looked: Looked, routed: tuple[RoutedFound, ...], notes: Notes) -> TraefikPart:
    project, traefik = looked.sources.project, looked.traefik
    inner = [each for each, led in zip(routed, looked.leads, strict=True) if led.own_point]
    own = own_points(project, inner, [point.port for point in traefik.points.values()])
    for each in inner:
        _note_place(each, own, notes)
    if looked.new and routed:
        _note_new(project, inner, own, notes)
        return TraefikPart(own.urls(NAME), METRICS, has_metrics=True, model=own.with_it(project, NAME))
    missing = additions(traefik.config)
    outer = tuple(each for each in routed if each not in inner)
    entrypoints = dict(_urls(looked, outer, notes)) if outer else {}
    _traefik_notes(looked, missing, notes)
    model = project.model
    if inner and traefik.service:
        _note_added(looked, inner, own, notes)
        model = own.with_it(project, traefik.service)
    metrics = f"{url(traefik.host, missing.metrics.port, tls=missing.metrics.tls)}/metrics"
    has_metrics = traefik.service is not None and missing.has_metrics
    return TraefikPart({**entrypoints, **own.urls(traefik.host)}, metrics, has_metrics, model)


def _note_new(project: Project, routed: Sequence[RoutedFound], own: OwnPoints, notes: Notes) -> None:
    directory = project.directory / DIRECTORY
    file = directory / "dynamic" / own_name(project)
    notes.traefik.append(f"No service of the project is Traefik. Commit this one{_removed(project, routed)}:")
    notes.traefik += [f"  {line}" for line in yaml_lines({"services": {NAME: new_service(own)}})]
    notes.traefik.append(f"{START}, for {file}, which the worker replaces:")
    notes.traefik += [f"  {line}" for line in own.start_lines()]
    notes.following += [
        f"Create {file} with the routes above, then run `docker compose up --detach`. Traefik takes over the ports and "
        f"names of {_names(routed)}: requests fail for the seconds of this one step, and of no later one.",
        f"Set {VARIABLE}={file} for the worker, and allow it to write to {directory}.",
    ]
    notes.check.append(REACHES.format(host=NAME))


def _note_added(looked: Looked, routed: Sequence[RoutedFound], own: OwnPoints, notes: Notes) -> None:
    """What the project's Traefik needs for the services of `routed`."""
    traefik, project = looked.traefik, looked.sources.project
    name = str(traefik.service)
    notes.traefik.append(f"No router leads to {_names(routed)}. Add to {place(name, traefik.config)}:")
    notes.traefik += [f"  {line}" for line in lines(traefik.config, own.options)]
    notes.traefik.append(f"Add to {name} in the Compose file{_removed(project, routed)}:")
    notes.traefik += [f"  {line}" for line in yaml_lines({"services": {name: own.keys}})]
    notes.traefik.append(f"{START}, for the worker's route file, which the worker replaces:")
    notes.traefik += [f"  {line}" for line in own.start_lines()]


def _names(routed: Sequence[RoutedFound]) -> str:
    return " and ".join(each.blue for each in routed)


def _removed(project: Project, routed: Sequence[RoutedFound]) -> str:
    """What to remove from the services, because Traefik has it in their place."""
    having = {key: [each for each in routed if project.services[each.blue].get(key)] for key in TAKEN_OVER}
    return "".join(f", and remove `{key}` from {_names(each)}" for key, each in having.items() if each)


def _note_place(each: RoutedFound, own: OwnPoints, notes: Notes) -> None:
    port = own.ports[each.entrypoint]
    notes.found.append(f"routed/{each.name}/entrypoint: {each.entrypoint} (to be added to Traefik, at port {port})")
    if port in TLS_PORTS:
        notes.ask(
            f"traefik/entrypoints/{each.entrypoint}",
            f"port {port} usually takes TLS. If {each.blue} does, its clients get Traefik's certificate: write "
            f"https://, `tls: true` and, for {each.blue} itself, `scheme: https`",
        )
    if port != each.port:
        notes.check.append(
            f"routed/{each.name}: port {each.port} of Traefik is another service's. Services that call {each.blue} at "
            f"that port have to call {each.blue}:{port}."
        )


TAKEN_OVER = ("ports", "container_name")
"""Keys of a service that its colors are without, and that Traefik has in their place."""

REACHES = "traefik/entrypoints: can the worker, where it will run, reach {host} by this name?"
START = "Its routes until the first rollout"
TLS_PORTS = frozenset({443, 8443})


def _urls(looked: Looked, routed: tuple[RoutedFound, ...], notes: Notes) -> Iterator[tuple[str, str]]:
    """Entrypoint name → URL by which the worker reaches it.

    Its routers say whether it takes TLS. Without routers, port 443 counts as TLS, with a question.
    """
    traefik = looked.traefik
    with_tls = {entrypoint for each in routed for entrypoint in each.with_tls}
    with_routers = {way.entrypoint for led in looked.leads for way in led.taken}
    for name, point in looked.points.items():
        tls = point.tls or name in with_tls
        guessed = point.port == facts.HTTPS and not tls and name not in with_routers
        port = facts.HTTPS if tls and name not in traefik.points and point.port == facts.HTTP else point.port
        address = url(traefik.host, port, tls=tls or guessed)
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
    notes.check.append(REACHES.format(host=traefik.host))


def _traefik_notes(looked: Looked, missing: Additions, notes: Notes) -> None:
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
