"""A Traefik for a project that has none: it takes over the names and ports of the services that it routes. Pure.

So clients and other services keep their addresses, and no more of them reach a service than before.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from app.cli.init.project.compose_file import Project
from app.cli.init.project.service_facts import Service, entries
from app.cli.init.routes.routed import RoutedFound
from app.cli.init.services.roles import copies_of
from app.cli.init.traefik.additions import METRICS_PORT, additions, rendered
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


@dataclass(frozen=True)
class OwnTraefik:
    """`ports`: routed service → the port of its entrypoint, which has the service's name.

    `service`: Traefik's service in the Compose file. `start`: its routes until the first rollout.
    """

    ports: Mapping[str, int]
    service: Mapping[str, Any]
    start: Mapping[str, Any]

    @property
    def urls(self) -> dict[str, str]:
        return {name: f"http://{NAME}:{port}" for name, port in self.ports.items()}

    def lines(self) -> list[str]:
        return _yaml({"services": {NAME: self.service}})

    def start_lines(self) -> list[str]:
        return _yaml(self.start)

    def with_it(self, project: Project) -> dict[str, Any]:
        """The project's model with this Traefik."""
        return {**project.model, "services": {**project.services, NAME: dict(self.service)}}


def own_traefik(project: Project, routed: Sequence[RoutedFound]) -> OwnTraefik:
    ports = _entrypoint_ports(routed)
    options: dict[tuple[str, ...], str] = {("entryPoints", name, "address"): f":{port}" for name, port in ports.items()}
    options |= {
        ("entryPoints", METRICS_POINT, "address"): f":{METRICS_PORT}",
        ("metrics", "prometheus", "entryPoint"): METRICS_POINT,
        ("providers", "file", "directory"): f"{_INSIDE}/dynamic",
    }
    missing = additions(StaticConfig(Form.FLAGS, options)).options
    published = [port for each in routed for port in _published(project.services[each.blue], each, ports[each.name])]
    service = {
        "image": IMAGE,
        "command": rendered((*options.items(), *missing), Form.FLAGS),
        **({"ports": published} if published else {}),
        "volumes": [f"./{DIRECTORY}:{_INSIDE}:ro"],
        "networks": _networks(project, routed),
        "restart": "unless-stopped",
    }
    return OwnTraefik(ports, service, _start(project, routed))


def _entrypoint_ports(routed: Sequence[RoutedFound]) -> dict[str, int]:
    """The container's own ports; if two services have the same, the later one gets the next free port."""
    taken, found = {METRICS_PORT}, dict[str, int]()
    for each in routed:
        found[each.name] = next(port for port in range(each.port, 65_536) if port not in taken)
        taken.add(found[each.name])
    return found


def _published(service: Service, routed: RoutedFound, inside: int) -> Iterator[str]:
    """The host's ports that lead to the routed port now, and will lead to `inside`, for the same clients."""
    for each in entries(service.get("ports")):
        host, target = _short(each)
        if target == str(routed.port) and host:
            yield f"{host}:{inside}"


def _short(port: object) -> tuple[str, str]:
    """The host's part, with its address, and the container's port."""
    if isinstance(port, Mapping):
        parts = [str(port[key]) for key in ("host_ip", "published") if port.get(key)]
        return ":".join(parts) if port.get("published") else "", str(port.get("target"))
    host, _, target = str(port).partition("/")[0].rpartition(":")
    return host, target


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
        each.name: {"entryPoints": [each.name], "rule": "PathPrefix(`/`)", "service": each.name} for each in routed
    }
    services = {
        each.name: {"loadBalancer": {"servers": [{"url": url} for url in _urls(project, each)]}} for each in routed
    }
    return {"http": {"routers": routers, "services": services}}


def _urls(project: Project, routed: RoutedFound) -> Iterator[str]:
    service = project.services[routed.blue]
    for number in range(1, copies_of(service) + 1):
        yield f"http://{project.name}-{routed.blue}-{number}:{routed.port}"


def _yaml(content: Mapping[str, Any]) -> list[str]:
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=1000).splitlines()
