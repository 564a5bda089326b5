"""The services with two colors: where they listen, how their health is seen, which entrypoint is theirs. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.cli.starting import service_facts as facts
from app.cli.starting.notes import Notes
from app.cli.starting.service_facts import Service

HEALTH_GUESS = "/health"
PORT_GUESS = 8080

_COLORED = re.compile(r"(?P<base>.+?)[-_](?P<color>blue|green)|(?P<color2>blue|green)[-_](?P<base2>.+)")

Points = Mapping[str, tuple[str, int]]
"""Traefik's entrypoints: name → URL and port."""


@dataclass(frozen=True)
class RoutedFound:
    """A service with two colors."""

    name: str
    blue: str
    green: str
    port: int
    health: str
    entrypoint: str
    rule: str | None = None


def color_pairs(services: Mapping[str, Service]) -> dict[str, tuple[str, str]]:
    """Base name → the services of both colors; one without its other color is none."""
    bases: dict[str, dict[str, str]] = {}
    for name in services:
        if match := _COLORED.fullmatch(name):
            base, color = match["base"] or match["base2"], match["color"] or match["color2"]
            bases.setdefault(base, {})[color] = name
    return {base: (two["blue"], two["green"]) for base, two in bases.items() if len(two) > 1}


def find_routed(
    services: Mapping[str, Service], name: str, colors: tuple[str, str], points: Points, notes: Notes
) -> RoutedFound:
    """The routed service `name` of the services `colors`, blue and green."""
    blue, green = colors
    service = services[blue]
    notes.found.append(f"routed/{name}: {blue} and {green}")
    port = _port(services, name, colors, notes)
    rule = facts.label_rule(service)
    if rule:
        notes.found.append(f"routed/{name}/rule: {rule} (label)")
        notes.check.append(f"routed/{name}: take Traefik's labels off {blue} and {green}; else both route them.")
    for color in (blue, green):
        if facts.publishes(services[color]):
            notes.check.append(f"routed/{name}: {color} publishes a port of the host; traffic has to come by Traefik.")
    return RoutedFound(
        name, blue, green, port, _health(service, name, notes), _entrypoint(service, name, port, points, notes), rule
    )


def _port(services: Mapping[str, Service], name: str, colors: tuple[str, str], notes: Notes) -> int:
    said = [list(_said_ports(services[color])) for color in colors]
    if {p for p, _ in said[0]} != {p for p, _ in said[1]}:
        notes.check.append(f"routed/{name}/port: {colors[0]} and {colors[1]} do not say the same ports.")
    ports = said[0] or said[1]
    if not ports:
        notes.guessed.append(f"routed/{name}/port: {PORT_GUESS} (nothing says it)")
        return PORT_GUESS
    port, where = ports[0]
    others = sorted({p for p, _ in ports} - {port})
    line = f"routed/{name}/port: {port} ({where})"
    if others:
        notes.guessed.append(f"{line}; it also speaks of {', '.join(map(str, others))}")
    else:
        notes.found.append(line)
    return port


def _said_ports(service: Service) -> Iterator[tuple[int, str]]:
    """Every port that is spoken of and where, the most telling first."""
    if port := facts.label_port(service):
        yield port, "Traefik's label"
    if port := facts.probe(service)[0]:
        yield port, "health check"
    for port in facts.listening(service):
        yield port, "expose or ports"


def _health(service: Service, name: str, notes: Notes) -> str:
    for path, where in ((facts.probe(service)[1], "health check"), (facts.label_health(service), "Traefik's label")):
        if path:
            notes.found.append(f"routed/{name}/health: {path} ({where})")
            return path
    notes.guessed.append(f"routed/{name}/health: {HEALTH_GUESS} (its health check names no path)")
    return HEALTH_GUESS


def _entrypoint(service: Service, name: str, port: int, points: Points, notes: Notes) -> str:
    labels = (p for label in facts.label_entrypoints(service) for p in points if p.lower() == label.lower())
    same_port = [point for point, (_, number) in points.items() if number == port]
    candidates = (
        (next(labels, None), "label"),
        (name if name in points else None, "it has the service's name"),
        (next(iter(points)) if len(points) == 1 else None, "the only one"),
        (same_port[0] if len(same_port) == 1 else None, "it has the service's port"),
    )
    for point, why in candidates:
        if point:
            notes.found.append(f"routed/{name}/entrypoint: {point} ({why})")
            return point
    first = next(iter(points))
    notes.guessed.append(f"routed/{name}/entrypoint: {first} (nothing says which of {', '.join(points)})")
    return first


def note_shared_entrypoints(routed: tuple[RoutedFound, ...], notes: Notes) -> None:
    shared = Counter((r.entrypoint, r.rule) for r in routed)
    for (entrypoint, _), count in shared.items():
        if count > 1:
            names = ", ".join(r.name for r in routed if r.entrypoint == entrypoint)
            notes.check.append(f"routed: {names} share the entrypoint {entrypoint}; give each a `rule` of its own.")
