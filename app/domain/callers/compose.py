"""Reads a service of a Compose model, resolved or as it is written: its names, networks, and what it calls. Pure.

https://docs.docker.com/reference/compose-file/services/
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.callers.hosts import of_command, of_variable

Service = Mapping[str, Any]
Services = Mapping[str, Service]

DEFAULT_NETWORK = "default"
DEPENDS_ON, LINKS, NETWORK_MODE = "depends_on", "links", "network_mode"
_SERVICE = "service:"


@dataclass(frozen=True)
class NamedCall:
    """`place` is where the host name `name` stands: a key of the service, or one of its variables."""

    name: str
    place: str


def services_of(model: Mapping[str, Any]) -> Services:
    found = model.get("services")
    return {str(name): s for name, s in found.items() if isinstance(s, Mapping)} if isinstance(found, Mapping) else {}


def calls(service: Service, ports: Collection[int]) -> Iterator[NamedCall]:
    """Every host name that the service uses, in the order of the places. Values of variables are not kept.

    `ports` are those at which routed services may be called.
    """
    for variable, value in _pairs(service.get("environment")):
        yield from (NamedCall(name, f"variable {variable}") for name in sorted(of_variable(variable, value, ports)))
    check = service.get("healthcheck")
    lines = {key: service.get(key) for key in ("command", "entrypoint")}
    lines["health check"] = check.get("test") if isinstance(check, Mapping) else None
    for place, line in lines.items():
        yield from (NamedCall(name, place) for name in sorted(of_command("\n".join(_listed(line)), ports)))
    yield from (NamedCall(name.lower(), DEPENDS_ON) for name in _listed(service.get(DEPENDS_ON)))
    yield from (NamedCall(link.partition(":")[0].lower(), LINKS) for link in _listed(service.get(LINKS)))
    mode = str(service.get(NETWORK_MODE) or "")
    if mode.startswith(_SERVICE):
        yield NamedCall(mode.removeprefix(_SERVICE).lower(), NETWORK_MODE)


def networks(service: Service) -> dict[str, set[str]]:
    """Network → the service's aliases in it; empty if it has a network mode, such as the host's network."""
    if service.get(NETWORK_MODE):
        return {}
    found = service.get("networks")
    if isinstance(found, Mapping):
        return {str(name): set(_aliases(settings)) for name, settings in found.items()}
    return {name: set() for name in _listed(found)} or {DEFAULT_NETWORK: set()}


def host_names(name: str, service: Service) -> set[str]:
    """The names by which other containers reach the service, in lower case."""
    container = {str(service["container_name"])} if service.get("container_name") else set()
    aliases = set[str]().union(*networks(service).values())
    return {each.lower() for each in {name, *container, *aliases}}


def inside_ports(service: Service) -> set[int]:
    """Ports of the container that the model names, without ranges."""
    exposed = (each.partition("/")[0] for each in _listed(service.get("expose")))
    return {*(int(port) for port in exposed if port.isdecimal()), *published(service).values()}


def published(service: Service) -> dict[int, int]:
    """Port of the host → port of the container, without ranges."""
    ports = service.get("ports")
    pairs = (_port_pair(each) for each in (ports if isinstance(ports, list) else ()))
    return {int(host): int(inside) for host, inside in pairs if host.isdecimal() and inside.isdecimal()}


def _port_pair(port: object) -> tuple[str, str]:
    if isinstance(port, Mapping):
        return str(port.get("published") or ""), str(port.get("target") or "")
    *_, host, inside = ("", *str(port).partition("/")[0].split(":"))
    return host, inside


def image_name(service: Service) -> str:
    """The image without registry, owner and tag."""
    return str(service.get("image") or "").rpartition("/")[2].partition("@")[0].partition(":")[0]


def _aliases(settings: object) -> Iterator[str]:
    if isinstance(settings, Mapping):
        yield from _listed(settings.get("aliases"))


def _pairs(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        yield from ((str(name), "" if text is None else str(text)) for name, text in value.items())
    for each in value if isinstance(value, list) else ():
        name, _, text = str(each).partition("=")
        yield name, text


def _listed(value: object) -> list[str]:
    """The items of a list, the keys of a mapping, or a single text."""
    if isinstance(value, str):
        return [value]
    return [str(each) for each in value] if isinstance(value, list | tuple | Mapping) else []
