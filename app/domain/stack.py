"""The stack: one Compose project, its routed services, singletons, followers and jobs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.domain.required_checks import RequiredChecks
from app.domain.routing.routes import ClientRoute, EntryPoint, HealthRequest, Scheme
from app.domain.step import StepId, StepKind
from app.domain.tags import TagRule


class Color(StrEnum):
    """The two colors of each routed service: one serves, the other gets the next release."""

    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> "Color":
        return Color.GREEN if self is Color.BLUE else Color.BLUE


class Supersede(StrEnum):
    """When a newer release replaces one that is being rolled out."""

    BEFORE_FLIP = "before_flip"
    NEVER = "never"


class Resume(StrEnum):
    """What ends the pause that a failed release began: a person, or the same release, if another attempt succeeds."""

    BY_PERSON = "by_person"
    TRANSIENT = "transient"
    """The latter only if the machine or the network was at fault."""


class EngineKind(StrEnum):
    """What runs the stack: Docker Compose on one host, or Docker Swarm on several."""

    COMPOSE = "compose"
    SWARM = "swarm"


class Channel(StrEnum):
    """Which releases are wanted: only stable ones, or prereleases too."""

    STABLE = "stable"
    PRERELEASE = "prerelease"


@dataclass(frozen=True)
class RoutedService:
    """A service with two colors behind Traefik.

    `colors` names the Compose service of each color. It listens on `port` and speaks `scheme`. `routes` lead to it, at
    least one. `network` is the Compose network where worker and Traefik reach it; None: one that they share. `sticky`
    are options of Traefik's load balancer. `made_from`: the service of the release's files from which the updater makes
    both colors; None: the files have a service for each color.
    """

    name: str
    colors: Mapping[Color, str]
    port: int
    health: HealthRequest
    routes: tuple[ClientRoute, ...]
    scheme: Scheme = Scheme.HTTP
    network: str | None = None
    sticky: Mapping[str, Any] | None = None
    made_from: str | None = None


BOTH = "both"
"""In place of a color: the service becomes both colors."""


def made_colors(service: str) -> dict[Color, str]:
    """The services that the updater makes from `service`."""
    return {color: f"{service}-{color}" for color in Color}


@dataclass(frozen=True)
class Singleton:
    """A service that must never run twice at once. `node`: the only one that it may run on; None: any."""

    name: str
    service: str
    node: str | None = None


@dataclass(frozen=True)
class Follower:
    """A service that is replaced after the flip: its new copies start before its old ones stop."""

    name: str
    service: str


COMPLETED = "service_completed_successfully"
"""The condition of Compose's `depends_on` on a service that has to end first."""


@dataclass(frozen=True)
class BeforeFlip:
    """A command that runs once in the new image, before the new color starts.

    `service` is the name of a routed service, singleton or follower, else a job: any other service of the release's
    Compose files. `command`: empty for the service's own command. `limit`: seconds.
    """

    service: str
    command: tuple[str, ...] = ()
    limit: float = 600


@dataclass(frozen=True)
class RoutesInRedis:
    """A Redis from which several Traefiks read the routes, below the key `root` (`providers.redis.rootKey`)."""

    url: str
    root: str = "traefik"


@dataclass(frozen=True)
class Traefik:
    """Where the worker reaches Traefik. `metrics`: the URLs of its Prometheus metrics, one for each Traefik that
    follows the same routes; `api`: that of its API, if any.

    `backend_idle`: seconds after which Traefik closes an idle connection to a container. `redis`: where several of them
    read the routes; None: in a file that the worker writes.
    """

    entrypoints: Mapping[str, EntryPoint]
    metrics: tuple[str, ...] = ()
    api: str | None = None
    rollout_header: str = "X-Updater-Rollout"
    backend_idle: float = 3.0
    redis: RoutesInRedis | None = None


@dataclass(frozen=True)
class Times:
    """Limits of every wait, in seconds. `image`: how long a registry may not have an image yet.

    `retry`: how long what failed for a transient reason is tried again; 0: never.
    """

    fetch: float = 120
    build: float = 1800
    image: float = 900
    retry: float = 600
    start: float = 120
    health: float = 120
    route: float = 10
    ready: float = 120
    bake: float = 30
    drain: float = 30
    stop_grace: float = 30


@dataclass(frozen=True)
class Checks:
    """The health rule: `passes` in a row, every `interval` seconds, each answered within `timeout` seconds.

    `errors`: how much the share of failed client requests may rise, 0 to 1.
    """

    passes: int = 3
    interval: float = 0.5
    timeout: float = 2.0
    errors: float = 0.05


class ReleaseValue(StrEnum):
    """What a variable in the release's Compose files can be set to. `version` is the tag without the prefix
    of a monorepo and without a leading `v`."""

    TAG = "tag"
    VERSION = "version"
    SHA = "sha"
    SHORT_SHA = "short_sha"


ALWAYS_SET: Mapping[str, ReleaseValue] = {f"UPDATER_{value.name}": value for value in ReleaseValue}
"""The variables that every release's Compose files can use."""


@dataclass(frozen=True)
class FileRules:
    """Where files come from, by path inside the release, where the rule of origin is not meant.

    `release` and `live`: what comes from the release, and from the live directory. `unfetched`: where submodules and
    Git LFS files may be missing. Each path stands for everything below it. `submodules`: those of the same host are
    fetched. `lfs`: Git LFS files are fetched.
    """

    release: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    unfetched: tuple[str, ...] = ()
    submodules: bool = False
    lfs: bool = False


@dataclass(frozen=True)
class Needs:
    """What must be free before a rollout starts."""

    disk_gb: float = 2.0
    memory_mb: float = 512.0


@dataclass(frozen=True)
class Keep:
    """What is kept after a rollout in addition to the current and the previous release.

    `build_cache_gb`: the limit of the engine's whole build cache; None: the updater removes none of it.
    """

    build_cache_gb: float | None = 10.0


@dataclass(frozen=True)
class Window:
    """Open for `seconds` from each time of the cron expression `opens`, in `time_zone`."""

    opens: str
    seconds: float
    time_zone: str = "UTC"


class Forbid(StrEnum):
    """Compose options that give a release power over the host."""

    PRIVILEGED = "privileged"
    HOST_NAMESPACES = "host_namespaces"
    DOCKER_SOCKET = "docker_socket"
    HOST_MOUNTS = "host_mounts"
    CAP_ADD = "cap_add"
    DEVICES = "devices"


@dataclass(frozen=True)
class Policy:
    """Who may release, when, and what a release may not use.

    `allowed_signers`: the file with the keys that may sign a tag; None: no signature is needed.
    `allowed_authors`: GitHub logins in lower case; empty: any author is allowed.
    `windows`: when an accepted release may go live automatically; empty: at any time.
    `require_checks`: the checks of its commit that have to be green first; None: none.
    """

    allowed_signers: str | None = None
    allowed_authors: frozenset[str] = frozenset()
    require_immutable: bool = False
    windows: tuple[Window, ...] = ()
    forbid: frozenset[Forbid] = frozenset()
    require_checks: RequiredChecks | None = None


@dataclass(frozen=True)
class GitHub:
    """How rollouts are reported to GitHub, if there is a token.

    `environment` is the name of the deployments' environment. `environment_url` is the stack's address for people,
    `log_url` the address of a rollout's page or log: `{rollout_id}` in it is replaced.
    """

    deployments: bool = True
    environment: str = "production"
    environment_url: str | None = None
    log_url: str | None = None


@dataclass(frozen=True)
class Updater:
    """The Compose services of the updater itself, if it runs in the stack that it updates.

    `ready`: seconds from its start within which each is healthy, including the wait for the previous worker.
    """

    web: str
    worker: str
    ready: float = 90

    @property
    def services(self) -> tuple[str, str]:
        """Both services, in the order in which they are replaced."""
        return self.web, self.worker


@dataclass(frozen=True)
class Stack:
    """The validated content of `stack.yml`.

    `compose_files`: paths inside the release, in order. `env_files`: paths in the live directory; none: `.env`, if it
    exists. `variables` are set for the release's Compose files; those in `allow_unset` may be missing. `repository_id`:
    only the repository with that id is accepted, under any name; without one, the name counts. `public_url`: where
    people open the updater's pages, without a slash at its end. `registry`: where images are pushed, as their names
    begin; only with several nodes.
    """

    project: str
    repository: str
    source: str
    directory: str
    routed: tuple[RoutedService, ...]
    traefik: Traefik
    compose_files: tuple[str, ...] = ("docker-compose.yml",)
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ("*",)
    variables: Mapping[str, ReleaseValue] = field(default_factory=dict)
    allow_unset: frozenset[str] = frozenset()
    files: FileRules = field(default_factory=FileRules)
    channel: Channel = Channel.STABLE
    tags: TagRule = TagRule()  # noqa: RUF009 - it is frozen
    supersede: Supersede = Supersede.BEFORE_FLIP
    resume: Resume = Resume.BY_PERSON
    singletons: tuple[Singleton, ...] = ()
    followers: tuple[Follower, ...] = ()
    retired: tuple[str, ...] = ()
    before_flip: tuple[BeforeFlip, ...] = ()
    times: Times = field(default_factory=Times)
    checks: Checks = field(default_factory=Checks)
    needs: Needs = field(default_factory=Needs)
    keep: Keep = field(default_factory=Keep)
    policy: Policy = field(default_factory=Policy)
    github: GitHub = field(default_factory=GitHub)
    updater: Updater | None = None
    repository_id: int | None = None
    public_url: str | None = None
    engine: EngineKind = EngineKind.COMPOSE
    registry: str | None = None

    def services(self, color: Color) -> tuple[str, ...]:
        """The Compose services that run on `color`: that color of each routed one, the singletons and the followers."""
        return (*(s.colors[color] for s in self.routed), *self.uncolored)

    def built(self, color: Color) -> tuple[str, ...]:
        """The Compose services that a rollout to `color` builds: those that run, and the jobs."""
        return (*self.services(color), *self.jobs)

    @property
    def uncolored(self) -> tuple[str, ...]:
        """The Compose services that are replaced after the flip: those of the singletons and followers."""
        return (*(s.service for s in self.singletons), *(f.service for f in self.followers))

    @property
    def jobs(self) -> tuple[str, ...]:
        """The Compose services that only run before the flip, in order, each once."""
        named = [
            service for c in self.before_flip for service in {self.service_of(c.service, color) for color in Color}
        ]
        running = {*self.services(Color.BLUE), *self.services(Color.GREEN)}
        return tuple(dict.fromkeys(service for service in named if service not in running))

    def service_of(self, name: str, color: Color) -> str:
        """The Compose service of the routed service, singleton or follower `name`; of any other name, that service."""
        known = {f.name: f.service for f in self.followers} | {s.name: s.service for s in self.singletons}
        return (known | {s.name: s.colors[color] for s in self.routed}).get(name, name)

    def before_flip_steps(self) -> Mapping[StepId, BeforeFlip]:
        """The before_flip commands by step, in order."""
        kind = StepKind.BEFORE_FLIP
        return {StepId(kind, f"{n}_{c.service}"): c for n, c in enumerate(self.before_flip, 1)}

    def moved_services(self) -> Mapping[str, Color | None]:
        """Every Compose service that the updater builds, with its color (None: a singleton, a follower or a job)."""
        colored = {name: color for s in self.routed for color, name in s.colors.items()}
        return {**colored, **dict.fromkeys((*self.uncolored, *self.jobs))}

    def singles(self) -> Mapping[str, str]:
        """The services that colors are made from, each with the color that their own container counts as.

        Such a container is from before the updater: the first release goes to the other color.
        """
        return {s.made_from: s.colors[Color.BLUE] for s in self.routed if s.made_from}

    def written_services(self) -> Mapping[str, str | None]:
        """The same services as the release's files name them, with their colors: BOTH if both are made from it."""
        written: dict[str, str | None] = {}
        for s in self.routed:
            written |= {s.made_from: BOTH} if s.made_from else {name: color for color, name in s.colors.items()}
        return {**written, **dict.fromkeys((*self.uncolored, *self.jobs))}


REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}/[A-Za-z0-9._-]{1,100}")
"""`owner/name` as GitHub, Gitea and Forgejo allow it: GitHub's managed users have a `_`, Gitea's may have a `.`."""
