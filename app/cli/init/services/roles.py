"""What the updater does with each service of a project that has no colors. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.cli.errors import Refused
from app.cli.init.images.build_files import built_image
from app.cli.init.project.compose_file import Project
from app.cli.init.project.health_checks import asked, compose_check
from app.cli.init.project.listening import environment_ports
from app.cli.init.project.service_facts import Service, listening, pairs
from app.cli.init.services.background import Background, background, brokers
from app.cli.init.services.own_services import named_updater, old_updaters, own_services
from app.cli.init.services.released import released, store_base
from app.cli.init.services.singletons import Others, likely_singletons
from app.cli.init.traefik.dynamic.labels import has_routers
from app.domain.stack import COMPLETED

FASTCGI_PORT = 9000


class Kind(StrEnum):
    """What becomes of a service; the value is the stack file's key."""

    ROUTED = "routed"
    FOLLOWER = "followers"
    SINGLETON = "singletons"
    JOB = "before_flip"


@dataclass(frozen=True)
class Role:
    """`why`: what says so. `question`: what an operator has to answer. `active` False: written as a comment."""

    kind: Kind
    why: str
    question: str = ""
    active: bool = True


@dataclass(frozen=True)
class Roles:
    """Service → its role, of the services that move. `alone`: others that a release might change → why they stay."""

    moved: Mapping[str, Role] = field(default_factory=dict)
    alone: Mapping[str, str] = field(default_factory=dict)

    def of(self, kind: Kind) -> dict[str, Role]:
        return {name: role for name, role in self.moved.items() if role.kind is kind}


OVERLAP = (
    "may an old and a new copy run at the same time, as consumers of a queue may? If so, move this to `followers`; as "
    "a singleton, none runs for the seconds of its replacement"
)
WITH_PORTS = "it has ports: if clients reach it there, it belongs to `routed`"
ONCE = "does it run to its end before each release, as a migration does? If so, uncomment it"


def roles_of(project: Project, led: Collection[str], traefik: str | None) -> Roles:
    """The roles. `led`: the services to which a router leads. Raises Refused for a service that speaks only FastCGI."""
    return _Casting(project, led, traefik).roles()


class _Casting:
    def __init__(self, project: Project, led: Collection[str], traefik: str | None) -> None:
        self._project, self._services = project, project.services
        self._own = {traefik, *old_updaters(self._services), *(own_services(self._services) or ())}
        self._led = {*led, *(name for name, each in self._services.items() if has_routers(each))}
        self._released = {n: why for n, why in released(project).items() if n not in self._own and not named_updater(n)}
        self._jobs = {needed: name for name in self._released for needed in completed(self._services[name])}
        self._brokers = brokers(self._services)
        serving = [name for name, each in self._services.items() if listening(each)]
        bots, _ = likely_singletons(self._services, "", Others(serving, self._own_names, serving))
        self._bots = dict(bots.values())

    @property
    def _own_names(self) -> list[str]:
        return [name for name in self._own if name]

    def roles(self) -> Roles:
        moved: dict[str, Role] = {}
        alone: dict[str, str] = {}
        for name in (each for each in self._services if each not in self._own):
            if why := self._stays(name):
                alone[name] = why
            elif role := self._role(name):
                moved[name] = role
        return Roles(moved, alone)

    def _stays(self, name: str) -> str:
        """Why `name` does not move, though a release might change it; empty if it moves, or needs no note."""
        if base := store_base(self._project, name):
            return f"its image is built from {base}, and two copies must not use its data"
        profiles = self._services[name].get("profiles") or ()
        active = self._project.profiles
        if profiles and name in self._released and not active & {"*", *profiles} and name not in self._jobs:
            needed = " or ".join(map(str, profiles))
            return f"it runs only with the profile {needed}, which COMPOSE_PROFILES does not activate"
        return ""

    def _role(self, name: str) -> Role | None:
        service = self._services[name]
        if waiting := self._jobs.get(name):
            return Role(Kind.JOB, f"{waiting} waits until it has completed")
        if name in self._bots:
            return Role(Kind.SINGLETON, self._bots[name])
        if name not in self._released:
            return None
        if name not in self._led and (doing := background(name, service, self._brokers)):
            if not listening(service):
                return _in_background(*doing, copies=copies_of(service))
            if doing[0] in {Background.SCHEDULER, Background.CONSUMER}:
                return Role(Kind.SINGLETON, doing[1], WITH_PORTS)
        return self._of_server(name, service)

    def _of_server(self, name: str, service: Service) -> Role:
        _refuse_fastcgi(self._project, name, self._led)
        if name in self._led or self._serves(name):
            return Role(Kind.ROUTED, self._released[name])
        return _quiet(copies_of(service))

    def _serves(self, name: str) -> bool:
        """Whether it answers requests. The Dockerfile's port is that of one service, if several run its image."""
        service = self._services[name]
        variables = pairs(service.get("environment"))
        others = [other for other in self._services if other != name]
        check = asked(compose_check(service), variables, [name])
        if listening(service) or any(each.port or each.path for each in check):
            return True
        if service.get("command") and any(listening(each) for each in self._of_the_same_image(name)):
            return False
        built = built_image(self._project, service)
        return bool(environment_ports(variables, [name], others)) or bool(built and built.image.ports)

    def _of_the_same_image(self, name: str) -> Iterator[Service]:
        service = self._services[name]
        for other, each in self._services.items():
            same = all(each.get(key) == service.get(key) for key in ("build", "image"))
            if other != name and same:
                yield each


def _in_background(kind: Background, why: str, *, copies: int) -> Role:
    match kind:
        case Background.SCHEDULER:
            return Role(Kind.SINGLETON, why)
        case Background.JOB:
            return Role(Kind.JOB, why, ONCE, active=False)
        case Background.CONSUMER:
            return Role(Kind.FOLLOWER, why)
    return _quiet(copies, why)


def _quiet(copies: int, why: str = "it does not listen on a port") -> Role:
    """A service without requests. Zero copies harm less than two, unless it has several already."""
    if copies > 1:
        return Role(Kind.FOLLOWER, f"{copies} copies of it run at the same time now")
    return Role(Kind.SINGLETON, why, OVERLAP)


def copies_of(service: Service) -> int:
    """The copies that run at the same time."""
    deploy = service.get("deploy")
    number = str(service.get("scale") or (deploy.get("replicas") if isinstance(deploy, Mapping) else ""))
    return int(number) if number.isdecimal() else 1


def completed(service: Service) -> Iterator[str]:
    """The services that have to end before `service` starts."""
    waits = service.get("depends_on")
    for needed, how in (waits if isinstance(waits, Mapping) else {}).items():
        if isinstance(how, Mapping) and how.get("condition") == COMPLETED:
            yield needed


def _refuse_fastcgi(project: Project, name: str, led: Collection[str]) -> None:
    service = project.services[name]
    built = built_image(project, service)
    base = (built.image.base if built else "") or str(service.get("image") or "")
    other = service.get("command") or {*listening(service)} - {FASTCGI_PORT}
    if "fpm" not in base.rpartition("/")[2] or name in led or other:
        return
    raise Refused(
        f"{name} speaks FastCGI (its image is from {base}), and Traefik routes only HTTP. If the web server before it "
        f"got two colors and {name} did not, a release would serve the old {name}.",
        f"Put the web server into the image of {name} (FrankenPHP, Apache, or nginx beside PHP-FPM), and publish its "
        "HTTP port, then run this again.",
    )
