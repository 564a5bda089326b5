"""The part `traefik` of a stack file: the entrypoints' URLs, the metrics, and notes on what Traefik lacks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.cli.init.looked import Looked
from app.cli.init.notes import Notes
from app.cli.init.project import service_facts as facts
from app.cli.init.project.compose_file import Project
from app.cli.init.routes.routed import RoutedFound
from app.cli.init.services.own_services import own_services
from app.cli.init.traefik.additions import Additions, additions
from app.cli.init.traefik.advice import advise, ask_about_middlewares
from app.cli.init.traefik.dynamic.watched import VARIABLE, knows_where, own_name, say_where
from app.cli.init.traefik.entrypoints import url
from app.cli.init.traefik.own_traefik import DIRECTORY, METRICS, NAME, OwnTraefik, own_traefik


@dataclass(frozen=True)
class TraefikPart:
    """`entrypoints`: name → URL. `metrics` is the URL of Traefik's metrics, which exist only if `has_metrics`.

    `own`: the Traefik to add, if the project has none.
    """

    entrypoints: Mapping[str, str]
    metrics: str
    has_metrics: bool
    own: OwnTraefik | None = None


def traefik_part(looked: Looked, routed: tuple[RoutedFound, ...], notes: Notes) -> TraefikPart:
    if looked.new and routed:
        return _of_a_new_one(looked, routed, notes)
    missing = additions(looked.traefik.config)
    entrypoints = dict(_urls(looked, routed, notes))
    _traefik_notes(looked, missing, notes)
    metrics = f"{url(looked.traefik.host, missing.metrics.port, tls=missing.metrics.tls)}/metrics"
    return TraefikPart(entrypoints, metrics, looked.traefik.service is not None and missing.has_metrics)


def _of_a_new_one(looked: Looked, routed: Sequence[RoutedFound], notes: Notes) -> TraefikPart:
    project = looked.sources.project
    own = own_traefik(project, routed)
    for each in routed:
        _note_place(each, own, notes)
    colors = " and ".join(each.blue for each in routed)
    removed = "".join(_removed(key, project, routed) for key in TAKEN_OVER)
    directory = project.directory / DIRECTORY
    file = directory / "dynamic" / own_name(project)
    notes.traefik.append(f"No service of the project is Traefik. Commit this one{removed}:")
    notes.traefik += [f"  {line}" for line in own.lines()]
    notes.traefik.append(f"Its routes until the first rollout, for {file}, which the worker replaces:")
    notes.traefik += [f"  {line}" for line in own.start_lines()]
    notes.following += [
        f"Create {file} with the routes above, then run `docker compose up --detach`. Traefik takes over the ports "
        f"and names of {colors}: requests fail for the seconds of this one step, and of no later one.",
        f"Set {VARIABLE}={file} for the worker, and allow it to write to {directory}.",
    ]
    notes.check.append(REACHES.format(host=NAME))
    return TraefikPart(own.urls, METRICS, has_metrics=True, own=own)


def _removed(key: str, project: Project, routed: Sequence[RoutedFound]) -> str:
    services = [each.blue for each in routed if project.services[each.blue].get(key)]
    return f", and remove `{key}` from {' and '.join(services)}" if services else ""


def _note_place(each: RoutedFound, own: OwnTraefik, notes: Notes) -> None:
    port = own.ports[each.name]
    notes.found.append(f"traefik/entrypoints/{each.name}: port {port} of the Traefik to add")
    if port in TLS_PORTS:
        notes.ask(
            f"traefik/entrypoints/{each.name}",
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
