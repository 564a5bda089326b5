"""Where the stack runs: its services, their definitions and their images."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from app.domain.stack import Color
from workers.ports.mutation import mutation


@dataclass(frozen=True)
class Stamp:
    """Who made something: written on every image and instance, so that it is found again by more than its name."""

    release: str
    sha: str
    rollout: str


@dataclass(frozen=True)
class Definition:
    """How the services of one release run: a file that holds the operator's secrets (0600, never shown)."""

    path: Path
    sha: str


@dataclass(frozen=True)
class Instance:
    """One copy of a service, as the engine saw it last.

    `state` is the engine's word (`created`, `running`, `exited`…), `health` its own check's (None: it has none),
    `address` an IP address or None while it does not run. `rollout` is the id of the rollout that made it, of the
    release `release` at the commit `sha`; None where the updater did not. `names` are those under which others reach
    it, `labels` what it was created with. `adopted`: it ran before the updater did, and is never created again.
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

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def gone(self) -> bool:
        """It holds no connection and answers no request any more."""
        return self.state in {"created", "exited", "dead", "removed"}


@dataclass(frozen=True)
class CheckResult:
    """How one run of an instance's own health check ended; `words`: its last line, or why it did not end by itself."""

    passed: bool
    words: str


@dataclass(frozen=True)
class Difference:
    """How a service that the updater moves would run, beside how it runs in the live release.

    `context` is where its image is built from, inside the release (None: the image is fetched). `redefined` is None
    where there is nothing to compare with. Of its environment only the names are told.
    """

    service: str
    image: str
    context: str | None
    redefined: bool | None = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """A release beside the live one: the services that are moved, and the others that it changes, with a reason.

    `own`: the updater's services that it changes; they are replaced when the release is live.
    `retired`: services that its file still has and that the stack file retires.
    `one_way`: it says that it cannot be rolled back.
    """

    moved: tuple[Difference, ...]
    others: tuple[tuple[str, str], ...] = ()
    own: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    one_way: bool = False


@dataclass(frozen=True)
class Seen:
    """A container of the project as the engine shows it; `mounts` maps where it is inside to where that is outside."""

    service: str
    state: str
    health: str | None
    image: str
    color: str | None
    release: str | None
    command: tuple[str, ...]
    mounts: Mapping[str, str]
    name: str = ""


@dataclass(frozen=True)
class Survey:
    """What the machine runs and holds. `own_mounts` are those of the worker's own container; None where it has none.

    `by_hand` is the image that a plain `docker compose up` in the live directory would run of each service; None
    where its file does not resolve. `retired` are the retired services that the live release's own file has. Bytes of
    disk.
    """

    containers: tuple[Seen, ...]
    images_bytes: int
    build_cache_bytes: int
    versions: Mapping[str, str]
    own_mounts: Mapping[str, str] | None
    by_hand: Mapping[str, str] | None
    retired: tuple[str, ...] = ()


class Definitions(Protocol):
    """How the services of a release run, and its images."""

    @mutation
    async def define(self, tree: Path, stamp: Stamp) -> Definition:
        """The release's services as they will run. Raises ComposeInvalid."""

    def defined(self, sha: str) -> Definition:
        """Where the definition of a release that was defined before is; whether it is still there is not looked at."""

    @mutation
    async def recall(self, stamp: Stamp, services: Sequence[str]) -> Definition:
        """The kept definition of the release `stamp`, for a new rollout of it. Raises ReleaseNotKept.

        It is not kept when its definition is gone, or an image of one of `services`.
        """

    async def missing(self, sha: str, services: Sequence[str]) -> list[str]:
        """What of the kept release is gone: its definition, or images of `services`."""

    async def compare(self, tree: Path, stamp: Stamp, live: str | None) -> Comparison:
        """What the release would change of the one of the SHA `live`. Changes nothing. Raises ComposeInvalid."""

    async def one_way(self, sha: str) -> bool:
        """Whether the release says that it cannot be rolled back; False where its definition is gone."""

    @mutation
    async def build(
        self, definition: Definition, services: Sequence[str], log: Callable[[str], None]
    ) -> dict[str, str]:
        """Image ids by service, built in parallel, their output in `log` as it comes. Raises BuildFailed."""

    async def unchanged(self, instance: Instance, definition: Definition) -> bool:
        """Whether `definition` would run the instance's service from the same image in the same way."""

    @mutation
    async def publish(self, definition: Definition, color: Color) -> None:
        """The release is live on `color`: what an operator types by hand finds it as it runs, and changes nothing."""

    @property
    def published_path(self) -> Path:
        """Where an operator's own `docker compose` reads."""

    @mutation
    async def publish_updater(self, model: Path) -> None:
        """The updater's own services run as `model` has them: that is found by hand too. Raises EngineFailed."""

    @mutation
    async def republish(self) -> None:
        """Takes the retired services out of what is found by hand. Raises ComposeInvalid, EngineFailed."""


class Containers(Protocol):
    """The instances of the services: made, started, looked at, stopped."""

    @mutation
    async def start(self, definition: Definition, services: Sequence[str]) -> list[Instance]:
        """Creates and starts the one instance of each of `services`, in their order and in the place of stopped ones.

        All of them at once. Of an adopted release that is recalled the instance that it was found with is started, as
        long as it exists. Raises StartFailed with the first service that does not run.
        """

    @mutation
    async def create(self, definition: Definition, service: str) -> Instance:
        """Creates an instance of `service` beside the ones there are, and does not start it. Raises StartFailed.

        The others stay stopped, once they are, when the engine restarts.
        """

    @mutation
    async def resume(self, instance: str) -> None:
        """Starts a stopped or created instance. Raises StartFailed."""

    @mutation
    async def stop(self, instance: str, grace: float) -> Instance:
        """Asks it to stop, ends it after `grace` seconds; how it ended. One that is gone already is no error."""

    @mutation
    async def remove(self, instance: str) -> None:
        """Removes a stopped instance; an adopted one is kept. One that is not there is no error."""

    async def find(self, service: str, *, rollout: str | None = None) -> list[Instance]:
        """The service's instances, stopped ones too; with `rollout` only those that it made."""

    async def inspect(self, instance: str) -> Instance:
        """How the instance is now; state `removed` when there is none."""

    async def check(self, instance: str, limit: float) -> CheckResult:
        """Runs the instance's own health check now, once and to its end, as the engine does at its own times.

        Not passed when it has no check or does not run, when the check cannot start, and when it has not ended within
        `limit` seconds or the check's own limit. A run that hangs may go on after that; while it does, no other begins.
        """

    async def tail(self, instance: str, lines: int) -> list[str]:
        """The last lines that it wrote."""

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
        """Runs `command` to its end in an instance of its own that gets no traffic, its output in `log` as it comes.

        Raises BeforeFlipFailed where it does not succeed within `limit` seconds. What is left of it then, or of a
        worker that was killed, is for `sweep`.
        """

    @mutation
    async def sweep(self) -> list[str]:
        """Ends and removes what `run_once` has left, of any rollout; the names."""

    @mutation
    async def adopt(self, stamp: Stamp, color: Color, instances: Sequence[Instance]) -> list[str]:
        """Records what runs on `color`, with its singletons, as the release `stamp`, as if the updater had made it.

        The images are kept, the definition is recorded and published, and a stopped instance stays stopped when the
        engine restarts. Nothing is stopped, started or created. Calling it again changes nothing.
        Returns the services that could not be created anew from the definition: it is not what they run with.
        Raises ComposeInvalid, EngineFailed.
        """


class Housekeeping(Protocol):
    """The engine itself, and what it holds."""

    async def ready(self) -> None:
        """It answers; one that is away is waited for. Raises EngineFailed."""

    @property
    def times_away(self) -> int:
        """How often it was found away since this worker started."""

    async def survey(self) -> Survey:
        """What is there, for a person to read. Changes nothing."""

    @mutation
    async def prune(self, keep: Collection[str]) -> int:
        """Removes own images and stopped singletons of other releases than the SHAs in `keep`; bytes freed."""


class Engine(Definitions, Containers, Housekeeping, Protocol):
    """Where the stack runs. Every call has a limit of its own and raises EngineFailed beyond it."""
