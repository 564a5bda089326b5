"""Reads from Traefik's dynamic files which routers lead to the stack: pure functions.

A router serves a color if its service leads to a colored service of the stack. The router's name does not matter.
https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/file/
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import yaml

from app.domain.routing.matchers import RuleInvalid
from app.domain.routing.routes import ClientRoute, is_own_middleware
from app.domain.routing.rule_form import Form, form_of
from app.domain.stack import Color, RoutedService
from workers.routing.dynamic_file import (
    Tree,
    items_of,
    lowered,
    part_of,
    read_tree,
)
from workers.routing.route_file import written_for
from workers.routing.servers import (
    Hosts,
    Server,
    resolve,
    stream_servers,
)

OWN_PREFIXES = ("updater.", "updater-")
OWN = "updater"
_ROUTER_KEYS = {"rule", "entrypoints", "service", "tls", "middlewares", "priority"}
DEFAULT_SYNTAX = "v3"
"""https://doc.traefik.io/traefik/reference/routing-configuration/http/routing/rules-and-priority/#rulesyntax"""

TEMPLATE = "{{"
"""Marks a Go template. Traefik renders templates in a file before it reads the file."""


@dataclass(frozen=True)
class Router:
    """A router in the file `file`. `extras` are its options that the stack file has no key for.

    `stays`: it is in a container's labels, where nothing but the container's end removes it.
    """

    file: str
    name: str
    rule: str
    entrypoints: tuple[str, ...]
    servers: tuple[Server, ...]
    extras: tuple[str, ...] = ()
    tls: Tree | None = None
    middlewares: tuple[str, ...] = ()
    priority: int = 0
    sticky: Tree | None = None
    stays: bool = False

    @property
    def colors(self) -> set[Color]:
        return {server.backend[1] for server in self.servers if server.backend}

    @property
    def services(self) -> set[str]:
        """The routed services of the stack that the router leads to."""
        return {server.backend[0].name for server in self.servers if server.backend}

    def takes(self, route: ClientRoute) -> bool:
        """Whether it takes the same requests as `route`. A router without entrypoints is at all of them."""
        here = not self.entrypoints or route.entrypoint in self.entrypoints
        return here and _form(self.rule) == _form(route.rule)

    def answers(self, service: RoutedService) -> bool:
        """Whether it takes the same requests as one of the updater's own routers for `service`."""
        return any(self.takes(route) for route in service.routes)

    def differences(self, service: RoutedService) -> Iterator[tuple[str, str, str]]:
        """The options that it has and the updater's own router for the same requests has not, or the other way round.

        Yields the option, its value here and in the stack file.
        """
        for route in (r for r in service.routes if self.takes(r)):
            yield from _unequal("tls", self.tls, None if route.tls is None else lowered(route.tls))
            yield from _unequal("middlewares", self.middlewares, tuple(map(local_name, route.middlewares)))
            yield from _unequal("priority", self.priority, route.priority)
        yield from _unequal("sticky", self.sticky, None if service.sticky is None else lowered(service.sticky))

    @property
    def where(self) -> str:
        return f"router {self.name} in {self.file}"


@dataclass(frozen=True)
class Routing:
    """The content of all dynamic files together.

    `others`: by file, the names in it that are not routes of the stack. `streams`: by file, the addresses of the stack
    that TCP or UDP services lead to. `ambiguous`: services that files define in different ways, at least one of which
    leads to the stack. `unreadable`: by file, why it cannot be read. `templates`: files that only Traefik can read and
    that name a service of the stack.
    """

    routers: tuple[Router, ...] = ()
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    streams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ambiguous: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    templates: tuple[str, ...] = ()


def read_routing(files: Mapping[str, str], hosts: Hosts) -> Routing:
    """Reads `files` the way Traefik does: all files share one namespace of services.

    `hosts` are the names and addresses of the stack's colored services.
    """
    trees: dict[str, Tree] = {}
    failed: dict[str, str] = {}
    for name, text in sorted(files.items(), key=lambda file: file[0].split("/")):
        try:
            trees[name] = read_tree(name, text)
        except (ValueError, yaml.YAMLError, RecursionError) as error:
            failed[name] = " ".join(str(error).split())
    templates = {name for name, text in files.items() if TEMPLATE in text}
    defined = [(name, body) for tree in trees.values() for name, body in part_of(tree, "services").items()]
    services = dict(reversed(defined))  # Traefik keeps the first definition of a name
    routers = tuple(
        router_of(file, name, options, services, hosts)
        for file, tree in trees.items()
        for name, options in part_of(tree, "routers").items()
    )
    own = {file for file in trees if written_for(files[file]) is not None}
    others = {file: tuple(_others(tree, services, hosts, own=file in own)) for file, tree in trees.items()}
    return Routing(
        tuple(_without_ours(router) if router.file in own and _is_own(router.name) else router for router in routers),
        others,
        streams={file: found for file, tree in trees.items() if (found := tuple(stream_servers(tree, hosts)))},
        ambiguous=tuple(sorted(_ambiguous(defined, services, hosts))),
        unreadable={name: why for name, why in failed.items() if name not in templates},
        templates=tuple(sorted(name for name in templates if _names_one_of(files[name], hosts))),
    )


def _names_one_of(text: str, hosts: Hosts) -> bool:
    """Whether `text` has one of the names by itself, not as a part of a longer one."""
    return any(re.search(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", text.lower()) for host in hosts)


def _ambiguous(defined: Sequence[tuple[str, Tree]], services: Mapping[str, Tree], hosts: Hosts) -> set[str]:
    """Services defined differently in several files: if the first file goes, Traefik uses the next definition."""
    unlike = [(name, body) for name, body in defined if body != services[name]]
    either = [(name, each) for name, body in unlike for each in (body, services[name])]
    return {n for n, body in either if any(s.backend for s in resolve(n, {**services, n: body}, hosts)[0])}


def _form(rule: str) -> Form | str:
    """The rule so that those that take the same requests compare equal. One that Traefik rejects is its own text."""
    try:
        return form_of(rule)
    except RuleInvalid:
        return "".join(rule.replace('"', "`").split())


def router_of(file: str, name: str, options: Tree, services: Mapping[str, Tree], hosts: Hosts) -> Router:
    """The router with those options, whose keys are in lower case."""
    service = str(options.get("service", ""))
    servers, extras = resolve(service, services, hosts)
    return Router(
        file=file,
        name=name,
        rule=str(options.get("rule", "")),
        entrypoints=tuple(str(each) for each in items_of(options.get("entrypoints"))),
        servers=tuple(servers),
        extras=(*_router_extras(options), *sorted(set(extras))),
        tls=_options(options, "tls"),
        middlewares=tuple(local_name(str(each)) for each in items_of(options.get("middlewares"))),
        priority=_priority(options.get("priority")),
        sticky=_sticky(service, services),
    )


def _options(options: Tree, key: str) -> Tree | None:
    value = options.get(key)
    return lowered(value) if isinstance(value, dict) else {} if value is True else None


def _priority(value: object) -> int:
    """Traefik reads a number in quotes too; what it rejects counts as none."""
    return int(str(value)) if re.fullmatch(r"[+-]?\d+", str(value)) else 0


def _sticky(service: str, services: Mapping[str, Tree]) -> Tree | None:
    balancer = services.get(service.removesuffix("@file"), {}).get("loadbalancer")
    return _options(lowered(balancer), "sticky") if isinstance(balancer, dict) else None


def local_name(name: str) -> str:
    """The name without the provider of these files, which Traefik adds where none is given."""
    return name.removesuffix("@file")


def _unequal(key: str, there: object, here: object) -> Iterator[tuple[str, str, str]]:
    if there != here:
        yield key, _shown(there), _shown(here)


def _shown(value: object) -> str:
    """The option as YAML has it on one line."""
    if value in (None, (), 0):
        return "not set"
    return yaml.safe_dump(list(value) if isinstance(value, tuple) else value, default_flow_style=True).split("\n")[0]


def _router_extras(options: Tree) -> list[str]:
    """The options beyond the plain ones. Empty options such as `middlewares: []` do not count; `tls: {}` does."""
    present = {key for key, value in options.items() if value not in (None, "", 0, [])}
    plain = _ROUTER_KEYS | ({"rulesyntax"} if options.get("rulesyntax") == DEFAULT_SYNTAX else set())
    return sorted(present - plain)


def _others(tree: Tree, services: Mapping[str, Tree], hosts: Hosts, *, own: bool) -> Iterator[str]:
    """The names that adopting the file would lose. `own`: the updater wrote the file and rewrites its own names."""
    http = tree.get("http")
    for part, named in (lowered(http) if isinstance(http, dict) else {}).items():
        for name in named if isinstance(named, dict) else ():
            if not ((own and _is_own(str(name))) or _is_ours(part, str(name), tree, services, hosts)):
                yield f"http/{part}/{name}"
    yield from (key for key in tree if key != "http")


def _is_own(name: str) -> bool:
    return name == OWN or name.startswith(OWN_PREFIXES)


def _without_ours(router: Router) -> Router:
    """What an updater adds to its own routers is no difference."""
    return replace(router, extras=(), middlewares=tuple(n for n in router.middlewares if not is_own_middleware(n)))


def _is_ours(part: str, name: str, tree: Tree, services: Mapping[str, Tree], hosts: Hosts) -> bool:
    if part not in {"routers", "services"}:
        return False
    options = part_of(tree, part).get(name, {})
    service = str(options.get("service", "")) if part == "routers" else name
    return any(server.backend for server in resolve(service, services, hosts)[0])
