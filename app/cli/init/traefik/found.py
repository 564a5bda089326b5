"""Finds the project's Traefik: its service, its configuration and its routes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from app.cli.init.answers import NOTHING_IN
from app.cli.init.project.compose_file import Project
from app.cli.init.project.mounts import Mount, mounts, unknown_mounts
from app.cli.init.project.service_facts import Service, pairs
from app.cli.init.traefik.dynamic.dynamic_files import Dynamic, read_dynamic
from app.cli.init.traefik.dynamic.labels import is_disabled, label_services, routes_elsewhere
from app.cli.init.traefik.dynamic.options import is_on
from app.cli.init.traefik.dynamic.routes import FoundRoute, routes
from app.cli.init.traefik.dynamic.service_trees import all_services
from app.cli.init.traefik.entrypoints import EntryPoint, entrypoints
from app.cli.init.traefik.static.static_config import (
    Form,
    StaticConfig,
    find_traefik,
    other_traefiks,
    static_config,
)
from app.cli.init.traefik.static.unread import Unread, unread_options

_SWARM_MODE = ("providers", "docker", "swarmmode")


@dataclass(frozen=True)
class FoundTraefik:
    """`service` is None if no service of the project is Traefik; `host` is its host name for the worker.

    `unread`: what of its configuration cannot be read here.
    """

    service: str | None = None
    host: str = "traefik"
    config: StaticConfig = field(default_factory=lambda: StaticConfig(Form.FLAGS))
    dynamic: Dynamic = field(default_factory=Dynamic)
    points: dict[str, EntryPoint] = field(default_factory=dict)
    routes: tuple[FoundRoute, ...] = ()
    unread: tuple[Unread, ...] = ()

    def reads_labels(self, service: Service) -> bool:
        """Whether the labels of the container `service` may be its routes: unknown options count as on.

        Only the Docker provider reads them. That of Swarm reads `deploy.labels`, as the Docker provider of Traefik v2
        does with `swarmMode`: https://docs.docker.com/reference/compose-file/deploy/#labels
        """
        if self.service is None or self.config.unread:
            return True
        enabled = any(k.lower() == "traefik.enable" for k in pairs(service.get("labels")))
        default = self.config.get("providers", "docker", "exposedbydefault") or "true"
        reads = self.config.has("providers", "docker") and not is_on(self.config.get(*_SWARM_MODE))
        return reads and (enabled or default.lower() not in {"false", "f", "0"})


def found_traefik(
    project: Project, copies: Mapping[PurePosixPath, Path], without: Collection[str] = ()
) -> FoundTraefik:
    """Finds Traefik and reads its static and dynamic files through its container's mounts.

    `copies`: paths in the container → what to read for them. `without`: services that have nothing of the stack.
    """
    name = _chosen(project, without)
    if name is None:
        return FoundTraefik(routes=tuple(_routes(project, None, StaticConfig(Form.FLAGS), Dynamic())))
    service = project.services[name]
    every = mounts(project, service)
    seen = [*(Mount(target, here) for target, here in copies.items()), *every]
    config = static_config(service, seen)
    dynamic = read_dynamic(project, service, config, every, copies)
    return FoundTraefik(
        name,
        host="127.0.0.1" if service.get("network_mode") == "host" else name,
        config=config,
        dynamic=dynamic,
        points=entrypoints(config),
        routes=tuple(_routes(project, name, config, dynamic)),
        unread=(
            *unread_options(service, config, seen),
            *_of_others(project, service),
            *dynamic.unread,
            *_others(project, name),
            *_of_swarm(project, config),
        ),
    )


def _chosen(project: Project, without: Collection[str]) -> str | None:
    """The service that is Traefik; of several, the first one that is not in `without`."""
    first = find_traefik(project.services)
    if first is None or first not in without:
        return first
    return next((each for each in other_traefiks(project.services, first) if each not in without), first)


def _others(project: Project, name: str) -> Iterator[Unread]:
    """More services that are Traefik: each has entrypoints and routers of its own."""
    for other in other_traefiks(project.services, name):
        yield Unread(
            other, f"is Traefik too, and only {name} is read; to have it the other way round: {NOTHING_IN} {name}"
        )


def _of_others(project: Project, service: Service) -> Iterator[Unread]:
    """Mounts of a container that is no service: they may lie over Traefik's files."""
    for other in unknown_mounts(project, service):
        yield Unread(
            f"volumes_from: {other}", "has mounts that the Compose file does not say, maybe over Traefik's files"
        )


def _of_swarm(project: Project, config: StaticConfig) -> Iterator[Unread]:
    """Labels of Swarm services, if Traefik reads those."""
    if config.has("providers", "swarm") or is_on(config.get(*_SWARM_MODE)):
        for name, service in project.services.items():
            deploy = service.get("deploy")
            labels = pairs(deploy.get("labels")) if isinstance(deploy, Mapping) else {}
            if any(label.lower().startswith("traefik.") for label in labels):
                why = "may be routers of a Swarm service, which Traefik reads: the updater is for containers of Compose"
                yield Unread(f"deploy.labels of {name}", why)


def _routes(project: Project, name: str | None, config: StaticConfig, dynamic: Dynamic) -> Iterator[FoundRoute]:
    """The routers of the files, and those that labels have for a service that is not their container's own."""
    traefik = FoundTraefik(name, config=config)
    read = {n: each for n, each in project.services.items() if traefik.reads_labels(each) and not is_disabled(each)}
    labeled: dict[str, dict[str, Any]] = {}
    for each, service in read.items():
        for key, definition in label_services(each, service, project.name).items():
            servers = labeled.setdefault(key, definition)["loadbalancer"]["servers"]
            servers += [url for url in definition["loadbalancer"]["servers"] if url not in servers]
    services = all_services(dynamic.documents, labeled)
    yield from routes(dynamic.documents, services)
    for each, service in read.items():
        yield from routes_elsewhere(each, service, services)
