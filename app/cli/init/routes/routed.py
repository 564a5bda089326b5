"""Finds the port, health path and entrypoint of each service with two colors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from app.cli.init.evidence import Weighed, weigh
from app.cli.init.notes import Notes
from app.cli.init.project import service_facts as facts
from app.cli.init.routes.lost_options import refuse_lost
from app.cli.init.routes.mixed_points import of_one_kind
from app.cli.init.routes.networks import network_of
from app.cli.init.routes.old_labels import note_labels
from app.cli.init.routes.ports import ask_about_addresses, refuse_several_ports
from app.cli.init.routes.rivals import refuse_rivals
from app.cli.init.routes.routing import (
    Points,
    Way,
    best_ways,
    guessed_entrypoint,
    ways_to,
)
from app.cli.init.routes.shared_services import refuse_shared, refuse_taken_names
from app.cli.init.services.pairs import Pair
from app.cli.init.sources import (
    Copy,
    Sources,
    copies,
    health_statements,
    port_statements,
)

T = TypeVar("T", int, str)

PLACEHOLDER_PORT = 8080
PLACEHOLDER_HEALTH = "/health"
"""Placeholders for unknown values, always with a question: a stack file without a value is invalid."""


@dataclass(frozen=True)
class RoutedFound:
    """A service with two colors. `options`: its keys beside those. `health_options`: those of `health` beside the path.

    `routes`: if there are several, the keys of each.
    """

    name: str
    blue: str
    green: str
    port: int
    health: str
    entrypoint: str
    rule: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    routes: tuple[Mapping[str, Any], ...] = ()
    health_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def at(self) -> set[str]:
        """The entrypoints of its routes."""
        return {str(route["entrypoint"]) for route in self.routes} or {self.entrypoint}

    @property
    def with_tls(self) -> set[str]:
        """The entrypoints at which its routes take only TLS."""
        routes = self.routes or ({"entrypoint": self.entrypoint, **self.options},)
        return {str(route["entrypoint"]) for route in routes if "tls" in route}


@dataclass(frozen=True)
class Led:
    """A pair, its copies and the routes that lead to it now; `taken` are those for the stack file, the best first.

    `own_point`: the name of an entrypoint to add for it, because no router leads there.
    """

    pair: Pair
    both: tuple[Copy, Copy]
    ways: tuple[Way, ...]
    taken: tuple[Way, ...]
    own_point: str = ""

    @property
    def way(self) -> Way | None:
        return next(iter(self.taken), None)


def all_leads(pairs: Sequence[Pair], sources: Sources, points: Points, notes: Notes) -> tuple[Led, ...]:
    """The routes that lead to each of `pairs`; `points` are all of Traefik's entrypoints."""
    both = [copies(pair, sources) for pair in pairs]
    every = [ways_to(pair, two, sources, points) for pair, two in zip(pairs, both, strict=True)]
    for pair, two, ways in zip(pairs, both, every, strict=True):
        refuse_lost(pair, ways)
        refuse_shared(pair, ways, sources, notes)
        refuse_taken_names(pair, two, sources)
    kept = of_one_kind(every, points, notes)
    leads = tuple(_led_to(*each, points, notes) for each in zip(pairs, both, kept, strict=True))
    for led in leads:
        refuse_rivals(led.pair, led.taken, sources, points)
        refuse_several_ports(led.pair, led.taken, sources)
        ask_about_addresses(led.pair, led.taken, sources, notes)
        note_labels(led.pair, led.taken, sources, points, notes)
    return leads


def _led_to(pair: Pair, both: tuple[Copy, Copy], ways: tuple[Way, ...], points: Points, notes: Notes) -> Led:
    notes.found.append(f"routed/{pair.name}: {pair.text}")
    return Led(pair, both, ways, best_ways(pair, ways, points, notes))


def find_routed(led: Led, sources: Sources, points: Points, notes: Notes) -> RoutedFound:
    """The routed service. Unknown values become questions. `points` are the entrypoints of the stack."""
    pair, way = led.pair, led.way
    port = weigh(port_statements(pair, led.both, sources))
    health = weigh(health_statements(pair, led.both, sources, port.value))
    _check_copies(led, sources, notes)
    others = sources.routes_something
    return RoutedFound(
        pair.name,
        pair.blue,
        pair.green,
        port=_settled(f"routed/{pair.name}/port", port, PLACEHOLDER_PORT, notes),
        health=_settled(f"routed/{pair.name}/health", health, PLACEHOLDER_HEALTH, notes),
        health_options=health.options,
        entrypoint=way.entrypoint
        if way
        else led.own_point or guessed_entrypoint(pair, points, port.value, others_routed=others, notes=notes),
        rule=way.route.rule if way else None,
        options={**(_options(way, pair) if way else {}), **_of_service(led, notes), **network_of(pair, sources, notes)},
        routes=tuple(_keys(each, pair) for each in led.taken) if len(led.taken) > 1 else (),
    )


def _of_service(led: Led, notes: Notes) -> dict[str, Any]:
    """The options that all routes of a service share: those of the best one, and sticky sessions of any."""
    if not led.taken:
        return {}
    every = [way.route.of_service for way in led.taken]
    found = {**next(({"sticky": each["sticky"]} for each in every if "sticky" in each), {}), **every[0]}
    if any({**found, **each} != found or each.get("scheme") != found.get("scheme") for each in every):
        says = dict.fromkeys(f"{way.route.where} has {_plain(way.route.of_service)}" for way in led.taken)
        what = f"its routes differ in scheme or sticky sessions, and the file has one of each: {'; '.join(says)}"
        notes.ask(f"routed/{led.pair.name}/entrypoint", what)
    return found


def _plain(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in options.items()) or "neither"


def _keys(way: Way, pair: Pair) -> dict[str, Any]:
    return {"entrypoint": way.entrypoint, "rule": way.rule, **_options(way, pair)}


def _options(way: Way, pair: Pair) -> dict[str, Any]:
    """The options of the router. A route of made colors comes before the router in the labels of what runs now.

    That container is adopted with its labels, and keeps them until it is stopped.
    """
    above = pair.made and not way.route.file and way.route.container in pair.services and way.route.rule
    return {**way.route.options, **({"priority": way.priority + 1} if above else {})}


def _settled(path: str, verdict: Weighed[T], placeholder: T, notes: Notes) -> T:
    if verdict.value is None:
        notes.ask(path, f"{verdict.question or 'no source has it'}; {placeholder} is a placeholder")
        return placeholder
    if verdict.question:
        notes.ask(path, verdict.question)
    else:
        notes.found.append(f"{path}: {verdict.value} ({', '.join(verdict.sources)})")
    return verdict.value


def _check_copies(led: Led, sources: Sources, notes: Notes) -> None:
    name, blue, green = led.pair.name, led.pair.blue, led.pair.green
    for copy in () if led.pair.made else led.both:
        if facts.publishes(copy.service):
            notes.check.append(
                f"routed/{name}: {copy.name} publishes a port of the host; traffic must come through Traefik."
            )
    for route in sources.leading_to(led.pair):
        if route.router and len({*map(sources.service_at, route.servers)} & {blue, green}) > 1:
            notes.check.append(f"routed/{name}: {route.where} leads to both colors now; only one may serve.")
