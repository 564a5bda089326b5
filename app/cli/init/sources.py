"""The sources for a pair's port and health path, most trusted first."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from app.cli.init.evidence import Statement
from app.cli.init.health_paths import paths_of
from app.cli.init.images.build_files import Built, built_image
from app.cli.init.images.facts import FindImage, ImageFacts
from app.cli.init.project import service_facts as facts
from app.cli.init.project.compose_file import Project
from app.cli.init.project.health_checks import ProbeAddress, asked, compose_check
from app.cli.init.project.health_options import without_secret
from app.cli.init.project.host_ports import ports_behind, publishes_to
from app.cli.init.project.listening import environment_ports
from app.cli.init.project.service_facts import Service
from app.cli.init.project.url_lists import Listed
from app.cli.init.services.pairs import Pair, name_prefix
from app.cli.init.traefik.dynamic.labels import label_routes
from app.cli.init.traefik.dynamic.middlewares import Chains
from app.cli.init.traefik.dynamic.routes import FoundRoute, RouteTarget

T = TypeVar("T", int, str)


@dataclass(frozen=True)
class Sources:
    """What was read from the project. `routes` are those of Traefik's dynamic files, and of labels of other services.

    `hosts`: host name or address → colored service. `unread_labels`: the services whose labels Traefik does not read.
    `chains`: Traefik's chains of middlewares. `label_middlewares`: those that go with the labels of the colors.
    """

    project: Project
    hosts: Mapping[str, str]
    routes: tuple[FoundRoute, ...]
    urls: tuple[Listed, ...]
    find_image: FindImage
    unread_labels: frozenset[str] = frozenset()
    chains: Chains = field(default_factory=dict)
    label_middlewares: Mapping[str, str] = field(default_factory=dict)

    @property
    def routes_something(self) -> bool:
        """Whether a router leads to any colored service."""
        return any(route.router and self.leads_to_colors(route) for route in self.routes)

    def leads_to_colors(self, route: FoundRoute) -> bool:
        """Whether a server of `route` is a colored service."""
        return any(map(self.service_at, route.servers))

    def leading_to(self, pair: Pair) -> list[FoundRoute]:
        """The routes that lead to a color of `pair`."""
        return [r for r in self.routes if any(self.service_at(server) in pair.services for server in r.servers)]

    def service_at(self, server: RouteTarget) -> str | None:
        """The colored service that `server` is: by its name, its address, or a port of the host that leads to it."""
        if service := self.hosts.get(server.host):
            return service
        if any(server.host in map(str.lower, facts.host_names(n, s)) for n, s in self.project.services.items()):
            return None
        colored = {name: self.project.services[name] for name in sorted(set(self.hosts.values()))}
        return next((n for n, each in colored.items() if publishes_to(each, server.host, server.port)), None)

    def ports_at(self, server: RouteTarget) -> list[int]:
        """The ports in the container to which `server` may lead: a published port is one of the machine."""
        if server.host in self.hosts:
            return [server.port] if server.port else []
        name = self.service_at(server)
        return ports_behind(self.project.services[name], server.host, server.port) if name else []


@dataclass(frozen=True)
class Copy:
    """One color: its service, its Dockerfile and its local image. `names` are its names, `others` other services'."""

    name: str
    names: tuple[str, ...]
    others: tuple[str, ...]
    service: Service
    built: Built | None
    image: ImageFacts | None

    @property
    def own_environment(self) -> dict[str, str]:
        return facts.pairs(self.service.get("environment"))

    @property
    def environment(self) -> dict[str, str]:
        """The container's environment: Compose's values override the image's."""
        image = self.image.environment if self.image else {}
        return {**image, **(self.built.image.environment if self.built else {}), **self.own_environment}


def copies(pair: Pair, sources: Sources) -> tuple[Copy, Copy]:
    """The blue and the green copy."""
    return _copy(pair, pair.blue, sources), _copy(pair, pair.green, sources)


def port_statements(pair: Pair, both: tuple[Copy, Copy], sources: Sources) -> Iterator[Statement[int]]:
    for route in sources.leading_to(pair):
        here = [server for server in route.servers if sources.service_at(server) in pair.services]
        ports = [port for server in here for port in sources.ports_at(server)]
        yield from (Statement((port,), route.where) for port in dict.fromkeys(ports))
    yield from _of_both(both, _label_ports)
    yield from _of_both(both, _check_ports)
    listed = [Statement((url.port,), url.where) for url in sources.urls if url.service in pair.services]
    yield from dict.fromkeys(listed)
    yield from _of_both(both, _variables)
    yield from _of_both(both, _exposed)
    yield from _of_both(both, _dockerfile_ports)
    yield from _of_both(both, _image_ports)


def health_statements(
    pair: Pair, both: tuple[Copy, Copy], sources: Sources, port: int | None = None
) -> Iterator[Statement[str]]:
    """`port`: that of the traffic, which the updater asks; None if it is not known."""
    for route in sources.leading_to(pair):
        if route.health:
            yield from paths_of([route.health], port, f"the healthCheck behind {route.where}")
    yield from _of_both(both, partial(_label_paths, port=port))
    yield from _of_both(both, partial(_check_paths, port=port))
    yield from _of_both(both, partial(_dockerfile_paths, port=port))
    listed = [(url.path, url.where) for url in sources.urls if url.path and url.service in pair.services]
    for path, where in dict.fromkeys(listed):
        shown, doubts = without_secret(path)
        yield Statement((shown,), where, sure=False, doubt=", ".join(doubts))
    yield from _of_both(both, partial(_image_paths, port=port))


def _of_both(both: tuple[Copy, Copy], source: Callable[[Copy], Sequence[Statement[T]]]) -> Iterator[Statement[T]]:
    """A statement about both copies is one; a statement about only one copy names that copy."""
    blue, green = (source(copy) for copy in both)
    yield from (each for each in blue if each in green)
    for copy, own, others in ((both[0], blue, green), (both[1], green, blue)):
        yield from (replace(each, where=f"{each.where} of {copy.name}") for each in own if each not in others)


def _copy(pair: Pair, name: str, sources: Sources) -> Copy:
    project = sources.project
    service = project.services[name]
    image = str(service.get("image") or f"{project.name}-{name}")
    others = [other for other in project.services if other not in pair.services]
    prefixes = {name_prefix(project.services, project.name), ""}
    return Copy(
        name,
        names=tuple(dict.fromkeys((pair.name, pair.base, name))),
        others=tuple({other.removeprefix(p) for other in (*others, *_bases(others)) for p in prefixes}),
        service=service,
        built=built_image(project, service),
        image=sources.find_image(image),
    )


def _bases(services: list[str]) -> Iterator[str]:
    for name in services:
        yield from (name.removesuffix(f"-{color}") for color in ("blue", "green"))


def _label_ports(copy: Copy) -> list[Statement[int]]:
    ports = [s.port for route in label_routes(copy.name, copy.service) for s in route.servers if s.port]
    return [Statement((port,), "Traefik's label") for port in dict.fromkeys(ports)]


def _label_paths(copy: Copy, port: int | None) -> list[Statement[str]]:
    found = [route.health for route in label_routes(copy.name, copy.service) if route.health]
    every = [each for check in found for each in paths_of([check], port, "Traefik's label")]
    return [each for n, each in enumerate(every) if each not in every[:n]]


def _check_ports(copy: Copy) -> list[Statement[int]]:
    return _ports_of(_asked(copy), "health check")


def _check_paths(copy: Copy, port: int | None) -> list[Statement[str]]:
    return paths_of(_asked(copy), port, "health check")


def _asked(copy: Copy) -> Sequence[ProbeAddress]:
    hosts = facts.host_names(copy.name, copy.service)
    return asked(compose_check(copy.service), copy.environment, hosts)


def _ports_of(addresses: Sequence[ProbeAddress], where: str) -> list[Statement[int]]:
    ports = tuple(dict.fromkeys(each.port for each in addresses if each.port))
    return [Statement(ports, where)] if ports else []


def _variables(copy: Copy) -> list[Statement[int]]:
    """Ports in the service's environment, and in its Dockerfile's variables that the service does not set."""
    set_there = copy.own_environment
    built = copy.built.image.environment if copy.built else {}
    found = environment_ports({**built, **set_there}, copy.names, copy.others)
    where = {name: "its environment" if name in set_there else copy.built and copy.built.where for name in found}
    return [Statement((port,), f"{name} in {where[name]}") for name, port in found.items()]


def _exposed(copy: Copy) -> list[Statement[int]]:
    ports = tuple(facts.listening(copy.service))
    return [Statement(ports, "expose or ports")] if ports else []


def _dockerfile_ports(copy: Copy) -> list[Statement[int]]:
    if copy.built is None:
        return []
    exposed, where = copy.built.image.ports, copy.built.where
    found: list[Statement[int]] = [Statement(exposed, f"EXPOSE in {where}")] if exposed else []
    return found + _ports_of(_image_asked(copy, copy.built.image), f"HEALTHCHECK in {where}")


def _image_ports(copy: Copy) -> list[Statement[int]]:
    exposed = copy.image.ports if copy.image else ()
    return [Statement(exposed, "EXPOSE of the local image")] if exposed else []


def _dockerfile_paths(copy: Copy, port: int | None) -> list[Statement[str]]:
    if copy.built is None:
        return []
    return paths_of(_image_asked(copy, copy.built.image), port, f"HEALTHCHECK in {copy.built.where}")


def _image_paths(copy: Copy, port: int | None) -> list[Statement[str]]:
    """The path in the local image, which may be out of date; only if no Dockerfile has a check."""
    if copy.image is None or (copy.built and copy.built.image.health):
        return []
    return paths_of(_image_asked(copy, copy.image), port, "HEALTHCHECK of the local image")


def _image_asked(copy: Copy, image: ImageFacts) -> Sequence[ProbeAddress]:
    """The addresses that the image's own check requests; none if Compose's check replaces it."""
    if compose_check(copy.service) is not None:
        return ()
    test = list(image.health) if isinstance(image.health, tuple) else image.health
    return asked(test, copy.environment)
