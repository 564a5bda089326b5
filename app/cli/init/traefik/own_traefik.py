"""Entrypoints for services that no router leads to: Traefik takes over their names and ports. Pure.

So clients and other services keep their addresses, and no more of them reach a service than before. A project without
Traefik gets one.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from app.cli.init.project.compose_file import Project
from app.cli.init.project.service_facts import Service, entries
from app.cli.init.routes.routed import RoutedFound
from app.cli.init.services.roles import copies_of
from app.cli.init.traefik.additions import METRICS_PORT, Option, additions, rendered
from app.cli.init.traefik.static.static_config import Form, StaticConfig
from app.domain.callers.compose import networks

IMAGE = "traefik:v3.7"
NAME = "traefik"
DIRECTORY = "traefik"
"""Below the live directory. Traefik watches `dynamic` in it, and the worker stages beside that."""

METRICS_POINT = "updater-metrics"
"""No routed service has this name: what has the name of an entrypoint is reached there."""

METRICS = f"http://{NAME}:{METRICS_PORT}/metrics"
_INSIDE = "/etc/traefik/live"

AS_BEFORE = (
    (("forwardedHeaders", "insecure"), "true"),
    (("transport", "respondingTimeouts", "readTimeout"), "0s"),
)
"""What a service sees without Traefik: the headers of a proxy before it, and uploads of any length.

https://doc.traefik.io/traefik/reference/install-configuration/entrypoints/
"""


@dataclass(frozen=True)
class OwnPoints:
    """`ports`: name of an entrypoint → its port. `options`: Traefik's, that make them.

    `published` and `networks`: those keys of Traefik's service. `start`: the routes until the first rollout.
    """

    ports: Mapping[str, int]
    options: tuple[Option, ...]
    published: tuple[str, ...]
    networks: Mapping[str, Any]
    start: Mapping[str, Any]

    @property
    def keys(self) -> dict[str, Any]:
        """The keys of Traefik's service."""
        return {**({"ports": list(self.published)} if self.published else {}), "networks": dict(self.networks)}

    def urls(self, host: str) -> dict[str, str]:
        return {name: f"http://{host}:{port}" for name, port in self.ports.items()}

    def start_lines(self) -> list[str]:
        return yaml_lines(self.start)

    def with_it(self, project: Project, traefik: str) -> dict[str, Any]:
        """The project's model in which the service `traefik` has them, as far as names go."""
        service = project.services.get(traefik, {})
        there = {name: {"aliases": sorted(aliases)} for name, aliases in networks(service).items()} if service else {}
        for name, settings in self.networks.items():
            there[name] = {"aliases": [*there.get(name, {}).get("aliases", []), *settings["aliases"]]}
        return {**project.model, "services": {**project.services, traefik: {**service, "networks": there}}}


def own_points(project: Project, routed: Sequence[RoutedFound], taken: Collection[int] = ()) -> OwnPoints:
    """One entrypoint for each of `routed`, with the name that it has there. `taken`: the ports that Traefik has."""
    ports = _ports(routed, {METRICS_PORT, *taken})
    published = [p for each in routed for p in _published(project.services[each.blue], each, ports[each.entrypoint])]
    return OwnPoints(
        ports, tuple(_options(ports)), tuple(published), _networks(project, routed), _start(project, routed)
    )


def new_service(own: OwnPoints) -> dict[str, Any]:
    """A whole Traefik for the Compose file."""
    options: dict[tuple[str, ...], str] = {
        **dict(own.options),
        ("entryPoints", METRICS_POINT, "address"): f":{METRICS_PORT}",
        ("metrics", "prometheus", "entryPoint"): METRICS_POINT,
        ("providers", "file", "directory"): f"{_INSIDE}/dynamic",
    }
    missing = additions(StaticConfig(Form.FLAGS, options)).options
    return {
        "image": IMAGE,
        "command": rendered((*options.items(), *missing), Form.FLAGS),
        "volumes": [f"./{DIRECTORY}:{_INSIDE}:ro"],
        **own.keys,
        "restart": "unless-stopped",
    }


def yaml_lines(content: Mapping[str, Any]) -> list[str]:
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=1000).splitlines()


def _options(ports: Mapping[str, int]) -> Iterator[Option]:
    for name, port in ports.items():
        yield ("entryPoints", name, "address"), f":{port}"
        yield from ((("entryPoints", name, *key), value) for key, value in AS_BEFORE)


def _ports(routed: Sequence[RoutedFound], taken: set[int]) -> dict[str, int]:
    """The container's own ports; if another entrypoint has one, the next free port."""
    found: dict[str, int] = {}
    for each in routed:
        found[each.entrypoint] = next(port for port in range(each.port, 65_536) if port not in taken)
        taken.add(found[each.entrypoint])
    return found


def _published(service: Service, routed: RoutedFound, inside: int) -> Iterator[str]:
    """The host's ports that lead to the routed port now, and will lead to `inside`, for the same clients."""
    for each in entries(service.get("ports")):
        host, target, protocol = _parts(each)
        if target == str(routed.port) and host and protocol != "udp":
            yield f"{host}:{inside}"


def _parts(port: object) -> tuple[str, str, str]:
    """The host's part, with its address, the container's port, and the protocol."""
    if isinstance(port, Mapping):
        host = ":".join(str(port[key]) for key in ("host_ip", "published") if port.get(key))
        return host if port.get("published") else "", str(port.get("target")), str(port.get("protocol") or "tcp")
    place, _, protocol = str(port).partition("/")
    host, _, target = place.rpartition(":")
    return host, target, protocol or "tcp"


def _networks(project: Project, routed: Sequence[RoutedFound]) -> dict[str, Any]:
    """Every network of a routed service, with the names by which it is called there."""
    found: dict[str, list[str]] = {}
    for each in routed:
        service = project.services[each.blue]
        container = [str(service["container_name"])] if service.get("container_name") else []
        for network, aliases in networks(service).items():
            names = found.setdefault(network, [])
            names += [name for name in (each.blue, *container, *sorted(aliases)) if name not in names]
    return {network: {"aliases": names} for network, names in found.items()}


def _start(project: Project, routed: Sequence[RoutedFound]) -> dict[str, Any]:
    """Routes to the containers that run now, by names that Traefik does not take over."""
    routers = {
        each.name: {"entryPoints": [each.entrypoint], "rule": "PathPrefix(`/`)", "service": each.name}
        for each in routed
    }
    services = {
        each.name: {"loadBalancer": {"servers": [{"url": url} for url in _urls(project, each)]}} for each in routed
    }
    return {"http": {"routers": routers, "services": services}}


def _urls(project: Project, routed: RoutedFound) -> Iterator[str]:
    for number in range(1, copies_of(project.services[routed.blue]) + 1):
        yield f"http://{project.name}-{routed.blue}-{number}:{routed.port}"
