"""The container engine: the stack's services, their definitions and their images."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from app.domain.release_stack import Roles
from app.domain.routing.networks import Choice
from app.domain.stack import Color
from workers.ports.mutation import mutation


@dataclass(frozen=True)
class Stamp:
    """The release and rollout that made something: a label on every instance, to find it by more than its name."""

    release: str
    sha: str
    rollout: str


@dataclass(frozen=True)
class Definition:
    """The file that defines how one release's services run. It holds the operator's secrets (0600, never shown).

    `sources`: the operator's files that were read to make it, each with a text that every write to it changes.
    """

    path: Path
    sha: str
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class LiveFiles:
    """The operator's single files that services mount, now.

    `changed`: those that are not as the definition was made with, and secrets and configs whose variables are not.
    `states`: by path, a text that every write to the file and every replacement changes. What a container may write
    to only counts if it was replaced.
    """

    changed: tuple[str, ...] = ()
    states: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Instance:
    """One copy of a service, as the engine last reported it.

    `state` is the engine's word (`created`, `running`, `exited`…). `health` is the verdict of the instance's own
    health check (None: no check). `address` is an IP address that the worker reaches; None while the instance does
    not run, or if it has none among `addresses`, which are its IP addresses by network. `every_address` has more: of
    both families, and fixed ones also while it is stopped. `rollout` is
    the id of the rollout that made it, from the release `release` at the commit `sha`; None if the updater did not
    make it. `names` are the names under which other containers reach it, `labels` those it was created with.
    `adopted`: it ran before the updater did, and is never created again. `host` is a name that leads to it alone, in
    every network of it; None if it has none. `stop_grace`: its own seconds from SIGTERM to SIGKILL; None if its
    Compose file gives it none. `single`: it is the one container of a service that both colors are made from, from
    before the updater did that; it counts as the blue color. `ports`: those of the host that lead to it.
    """

    id: str
    service: str
    state: str
    health: str | None = None
    restarts: int = 0
    exit_code: int | None = None
    address: str | None = None
    image: str | None = None
    rollout: str | None = None
    release: str | None = None
    sha: str | None = None
    definition: str | None = None
    names: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict, repr=False)
    adopted: bool = False
    created: datetime | None = None
    host: str | None = None
    addresses: Mapping[str, str] = field(default_factory=dict)
    every_address: tuple[str, ...] = ()
    stop_grace: float | None = None
    single: bool = False
    ports: tuple[str, ...] = ()

    def grace(self, default: float) -> float:
        """How long a stop waits for its end: `stop_grace`, else `default` (`times/stop_grace`)."""
        return default if self.stop_grace is None else self.stop_grace

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def gone(self) -> bool:
        """Whether it no longer holds connections or answers requests."""
        return self.state in {"created", "exited", "dead", "removed"}


@dataclass(frozen=True)
class Outsider:
    """A running container that is no instance of the project, but runs one of its services.

    `project`: its Compose project, if it has one. `named`: it has the `container_name` that the live directory's
    Compose file gives the service. Otherwise it was made from the same file, or from the image by `docker run`.
    """

    name: str
    project: str | None
    named: bool = False


@dataclass(frozen=True)
class CheckResult:
    """The result of one run of an instance's own health check. `words` is its last line, or why it was ended."""

    passed: bool
    words: str


@dataclass(frozen=True)
class Difference:
    """How a release changes one service that the updater moves, compared with the live release.

    `context` is the build context inside the release (None: the image is pulled). `redefined` is None if there is
    nothing to compare with. `added`, `removed` and `changed` are names of environment variables, without values.
    `copies`: how many containers the release runs of it.
    """

    service: str
    image: str
    context: str | None
    redefined: bool | None = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    copies: int = 1


class Origin(StrEnum):
    """Where a file of a release's Compose model comes from: the release, or the operator's live directory."""

    RELEASE = "release"
    LIVE = "live"


@dataclass(frozen=True)
class FileUse:
    """`service` uses `path`, below its `origin`, by `key` of the Compose file."""

    path: str
    origin: Origin
    service: str
    key: str


@dataclass(frozen=True)
class Comparison:
    """A release compared with the live one: the moved services, and the other changed services with a reason.

    `own`: the updater's own services that the release changes; they are replaced when the release is live.
    `retired`: services that the release's file still has and that the stack file retires.
    `one_way`: the release declares that it cannot be rolled back.
    `forbidden`: what the release uses although `policy/forbid` forbids it; such a release is refused.
    `callers`: services that call a routed one by a name that may lead to its old color, and what to do.
    `files`: where the release's files come from. `warnings`: those of Compose, and of these files. `problems`: what is
    missing, each with its code; such a release is refused. `sources`: as those of a Definition.
    `unreached`: by Compose service, why Traefik would not reach it, and what to write.
    `networks`: in which network the worker would ask a routed service, by its Compose name, if it is in several.
    """

    moved: tuple[Difference, ...]
    others: tuple[tuple[str, str], ...] = ()
    own: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    one_way: bool = False
    forbidden: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()
    files: tuple[FileUse, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, Choice] = field(default_factory=dict)
    unreached: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """A container, as the engine reports it. `mounts` maps paths inside it to paths on the host.

    `networks`: those in which it has an address, and `host` if it uses the host's network. `new_files` and `old_files`:
    the operator's files that it mounts and that are not as when it was created; it started after the change, or before.
    `counts_as`: the color's service, if it is the one container of a service that both colors are made from.
    `rollout`: the one that made it; None if none did. `named`: the name that its routed service, singleton or
    follower had in the stack file at that time.
    """

    service: str
    state: str
    health: str | None
    image: str
    color: str | None
    release: str | None
    command: tuple[str, ...]
    mounts: Mapping[str, str]
    name: str = ""
    networks: tuple[str, ...] = ()
    new_files: tuple[str, ...] = ()
    old_files: tuple[str, ...] = ()
    counts_as: str | None = None
    rollout: str | None = None
    named: str | None = None

    @property
    def moved_service(self) -> str:
        """The service of the stack file that it is a container of."""
        return self.counts_as or self.service


@dataclass(frozen=True)
class Survey:
    """What the machine runs and stores; sizes are bytes on disk. `containers` are those of the project.

    `own_mounts` are the mounts of the worker's own container; None if it does not run in one. `by_hand` is the image
    that a plain `docker compose up` in the live directory would run for each service; None if its file does not
    resolve. `retired` are the retired services that the live release's own file has. `own_name` and `own_networks` are
    those of the worker's container; None as with `own_mounts`. `others` are the running containers of other projects.
    `clashes`: why a release with the services of `by_hand` would be refused.
    `off_host`: the networks in which the host itself reaches no container.
    """

    containers: tuple[Seen, ...]
    images_bytes: int
    build_cache_bytes: int
    versions: Mapping[str, str]
    own_mounts: Mapping[str, str] | None
    by_hand: Mapping[str, str] | None
    retired: tuple[str, ...] = ()
    own_name: str | None = None
    own_networks: frozenset[str] | None = None
    others: tuple[Seen, ...] = ()
    clashes: tuple[str, ...] = ()
    off_host: frozenset[str] = frozenset()


class Definitions(Protocol):
    """The definitions of releases and their images."""

    @mutation
    async def define(self, tree: Path, stamp: Stamp) -> Definition:
        """Writes the definition of how the release's services will run. Raises ComposeInvalid, PolicyRefused."""

    def defined(self, sha: str) -> Definition:
        """The definition of a release that was defined before. Does not check that the file still exists."""

    async def roles_of(self, sha: str, *, proven: bool = True) -> Roles:
        """What the kept release moves, and as what; empty if its definition is missing.

        `proven`: not of a definition that a rollout which has not ended made of the same commit.
        """

    @mutation
    async def recall(self, stamp: Stamp, services: Sequence[str], tree: Path | None = None) -> Definition:
        """Prepares the kept definition of the release `stamp` for a new rollout of it.

        With `tree`, the release's files, everything but the images is read again, with today's values. Raises
        ReleaseNotKept if the definition or an image of one of `services` is missing; with `tree` also ComposeInvalid,
        VariableMissing, PolicyRefused.
        """

    async def changed_values(self, tree: Path, stamp: Stamp) -> Mapping[str, tuple[str, ...]]:
        """What the kept release `stamp` would get otherwise from today's files of the operator, by moved service.

        The names of environment variables, and of other keys of the Compose file. `tree`: the release's files.
        Changes nothing. Raises ReleaseNotKept, ComposeInvalid.
        """

    async def missing(self, sha: str, services: Sequence[str]) -> list[str]:
        """The missing parts of the kept release: its definition, or images of `services`."""

    async def compare(self, tree: Path, stamp: Stamp, live: str | None) -> Comparison:
        """Compares the release in `tree` with the live one (SHA `live`). Changes nothing. Raises ComposeInvalid."""

    async def unreached(self, definition: Definition) -> Mapping[str, str]:
        """By Compose service, why Traefik would not reach it, and what to write. Raises ReleaseNotKept, EngineFailed.

        An adopted instance that still exists starts again as it was, whatever its definition says: it is not in it.
        """

    async def one_way(self, sha: str) -> bool:
        """Whether the release declares that it cannot be rolled back; False if its definition is missing."""

    @mutation
    async def build(
        self, definition: Definition, services: Sequence[str], log: Callable[[str], None]
    ) -> dict[str, str]:
        """Builds images in parallel, streams the output to `log`, returns image ids by service. Raises BuildFailed."""

    async def unchanged(self, instance: Instance, definition: Definition) -> bool:
        """Whether `definition` would run the instance's service from the same image in the same way.

        A file of the operator that the instance mounts, and that has another content since, is a change.
        """

    async def copies(self, definition: Definition, service: str) -> int:
        """How many copies of `service` run as `definition` says; of a recalled adopted release: as many as it had.

        Raises ReleaseNotKept.
        """

    async def needs(self, definition: Definition, service: str) -> Mapping[str, bool]:
        """What `service` depends on and no rollout moves. True: it has to be healthy, else only to run."""

    async def live_files(self, definition: Definition, services: Sequence[str]) -> LiveFiles:
        """The operator's files that `services` mount. Raises ReleaseNotKept, EngineFailed."""

    @mutation
    async def publish(self, definition: Definition, color: Color) -> None:
        """Publishes the release as live on `color`, so that an operator's own `docker compose` changes nothing."""

    async def published_release(self) -> tuple[str, Color] | None:
        """The SHA of the release that was published last, and its color.

        None if nothing is published, or if the file does not say it, as one of an older updater.
        """

    @property
    def published_path(self) -> Path:
        """The Compose file for an operator's own `docker compose`."""

    @mutation
    async def publish_updater(self, model: Path) -> None:
        """Adds the updater's own services from the file `model` to the published file. Raises EngineFailed."""

    @mutation
    async def republish(self) -> None:
        """Removes the retired services from the published file. Raises ComposeInvalid, EngineFailed."""


class Containers(Protocol):
    """The instances of the services."""

    @mutation
    async def start(self, definition: Definition, services: Sequence[str]) -> list[Instance]:
        """Creates and starts the instances of `services`, all in one call; replaces stopped instances.

        Of each service as many as the definition says. Returns all, in the order of `services`. When an adopted release
        is recalled, starts the instances that were adopted, if all still exist. Raises StartFailed with the first
        service that does not run with all of its instances.
        """

    @mutation
    async def create(self, definition: Definition, service: str) -> Instance:
        """Creates an instance of `service` beside the existing ones, without starting it. Raises StartFailed.

        If the definition's rollout has made one, completes that one and returns it: an earlier call may have been cut
        off. From then on, an existing instance that is stopped stays stopped when the engine restarts.
        """

    @mutation
    async def create_copies(self, definition: Definition, service: str) -> list[Instance]:
        """Creates as many instances of `service` as `copies` says beside the existing ones, without starting them.

        Completes and returns those that the definition's rollout has made, as `create` does. Raises StartFailed.
        """

    @mutation
    async def resume(self, instance: str) -> None:
        """Starts a stopped or created instance. Raises StartFailed."""

    @mutation
    async def stop(self, instance: str, grace: float) -> Instance:
        """Stops it, kills it after `grace` seconds, and returns how it ended. No error if it is already gone."""

    @mutation
    async def remove(self, instance: str) -> None:
        """Removes a stopped instance, but keeps an adopted one. No error if it does not exist."""

    async def find(self, service: str, *, rollout: str | None = None) -> list[Instance]:
        """The service's instances, including stopped ones; with `rollout`, only those that this rollout made."""

    async def outside(self, service: str) -> list[Outsider]:
        """What runs `service` outside the project, as `find` does not see it. Raises EngineFailed."""

    async def inspect(self, instance: str) -> Instance:
        """The instance's current state; `removed` if it does not exist."""

    async def check(self, instance: str, limit: float) -> CheckResult:
        """Runs the instance's own health check once, now, and waits for its end.

        The check has not passed if there is none, if the instance does not run, if the check cannot start, or if it
        does not end within `limit` seconds or its own limit. A check that hangs may keep running after that; until it
        ends, no other check starts.
        """

    async def tail(self, instance: str, lines: int) -> list[str]:
        """The last `lines` lines of its output."""

    @mutation
    async def run_once(
        self,
        definition: Definition,
        service: str,
        command: Sequence[str],
        *,
        name: str,
        limit: float,
        log: Callable[[str], None],
    ) -> None:
        """Runs `command` to its end in a separate instance without traffic, and streams the output to `log`.

        An empty `command` is the service's own.

        Raises BeforeFlipFailed if it does not succeed within `limit` seconds. `sweep` removes what then remains, and
        what remains after a worker was killed.
        """

    @mutation
    async def sweep(self) -> list[str]:
        """Stops and removes what `run_once` left behind, in any rollout; returns the names."""

    @mutation
    async def adopt(self, stamp: Stamp, color: Color, instances: Sequence[Instance]) -> list[str]:
        """Records `instances`, of `color`, singletons and followers, as if the updater had made them for `stamp`.

        Keeps the images, records and publishes the definition, and makes sure that a stopped instance stays stopped
        when the engine restarts. Stops, starts and creates nothing. Calling it again changes nothing.
        Returns the services that cannot be recreated from the definition, because they run with another one.
        Raises ComposeInvalid, EngineFailed.
        """


class Housekeeping(Protocol):
    """The engine itself, and what it stores."""

    async def ready(self) -> None:
        """Waits until the engine answers. Raises EngineFailed."""

    @property
    def times_away(self) -> int:
        """How often the engine was unreachable, or did not answer a call in time, since this worker started."""

    async def survey(self) -> Survey:
        """Reports what the machine runs and stores. Changes nothing."""

    async def refused_images(self) -> Mapping[str, str]:
        """The images of moved services that a registry does not give this machine now, each with its answer.

        Asks each registry, and pulls nothing.
        """

    @mutation
    async def prune(self, keep: Collection[str]) -> int:
        """Removes own images and stopped singletons and followers of all releases except `keep` (SHAs).

        Also does what `forget` does. Returns the bytes freed.
        """

    @mutation
    async def forget(self, keep: Collection[str]) -> None:
        """Deletes the definitions, and the record of an adoption, of all releases except `keep` (SHAs).

        Touches no container and no image.
        """


class Engine(Definitions, Containers, Housekeeping, Protocol):
    """The container engine. Every call has its own time limit and raises EngineFailed when it is exceeded."""
