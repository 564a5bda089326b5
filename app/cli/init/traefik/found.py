"""Finds the project's Traefik: its service, its configuration and its routes."""

from dataclasses import dataclass, field

from app.cli.init.project.compose_file import Project
from app.cli.init.project.mounts import mounts
from app.cli.init.project.service_facts import Service, pairs
from app.cli.init.traefik.dynamic_files import Dynamic, read_dynamic
from app.cli.init.traefik.entrypoints import EntryPoint, entrypoints
from app.cli.init.traefik.routes import FoundRoute, routes
from app.cli.init.traefik.static_config import (
    Form,
    StaticConfig,
    find_traefik,
    static_config,
)


@dataclass(frozen=True)
class FoundTraefik:
    """`service` is None if no service of the project is Traefik; `host` is its host name for the worker."""

    service: str | None = None
    host: str = "traefik"
    config: StaticConfig = field(default_factory=lambda: StaticConfig(Form.FLAGS))
    dynamic: Dynamic = field(default_factory=Dynamic)
    points: dict[str, EntryPoint] = field(default_factory=dict)
    routes: tuple[FoundRoute, ...] = ()

    def reads_labels(self, service: Service) -> bool:
        """Whether the labels of `service` may be its routes: unknown options count as on."""
        if self.service is None or self.config.unread:
            return True
        on = [each for each in ("docker", "swarm") if self.config.has("providers", each)]
        enabled = any(k.lower() == "traefik.enable" for k in pairs(service.get("labels")))
        default = [self.config.get("providers", each, "exposedbydefault") or "true" for each in on]
        return bool(on) and (enabled or any(each.lower() not in {"false", "f", "0"} for each in default))


def found_traefik(project: Project) -> FoundTraefik:
    """Finds Traefik and reads its static and dynamic files through its container's mounts."""
    name = find_traefik(project.services)
    if name is None:
        return FoundTraefik()
    service = project.services[name]
    every = mounts(project, service)
    config = static_config(service, every)
    dynamic = read_dynamic(project, config, every)
    host = "127.0.0.1" if service.get("network_mode") == "host" else name
    return FoundTraefik(name, host, config, dynamic, entrypoints(config), tuple(routes(dynamic.documents)))
