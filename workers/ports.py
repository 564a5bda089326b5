"""What the pipeline needs of the world, in the pipeline's words."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from app.domain.errors import UpdaterError
from app.domain.notices import Notice
from app.domain.release import Release
from app.domain.rollout import Rollout
from app.domain.stack import Color
from app.domain.state import State
from app.domain.traffic import Tally


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
class Answer:
    """An HTTP answer: `status` 0 when there was none, `rollout` the value of the rollout header, `seconds` it took."""

    status: int
    seconds: float
    rollout: str | None = None
    error: str | None = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of success

    def __str__(self) -> str:
        return self.error or f"HTTP {self.status}"


@dataclass(frozen=True)
class Room:
    """What the machine has free, in bytes."""

    disk: int
    memory: int


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


class Engine(Protocol):
    """Where the stack runs. Every call has a limit of its own and raises EngineFailed beyond it."""

    async def define(self, tree: Path, stamp: Stamp) -> Definition:
        """The release's services as they will run. Raises ComposeInvalid."""

    async def build(
        self, definition: Definition, services: Sequence[str], log: Callable[[str], None]
    ) -> dict[str, str]:
        """Image ids by service, built in parallel, their output in `log` as it comes. Raises BuildFailed."""

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

    async def sweep(self) -> list[str]:
        """Ends and removes what `run_once` has left, of any rollout; the names."""

    async def one_way(self, sha: str) -> bool:
        """Whether the release says that it cannot be rolled back; False where its definition is gone."""

    async def adopt(self, stamp: Stamp, color: Color, instances: Sequence[Instance]) -> list[str]:
        """Records what runs on `color`, with its singletons, as the release `stamp`, as if the updater had made it.

        The images are kept, the definition is recorded and published, and a stopped instance stays stopped when the
        engine restarts. Nothing is stopped, started or created. Calling it again changes nothing.
        Returns the services that could not be created anew from the definition: it is not what they run with.
        Raises ComposeInvalid, EngineFailed.
        """

    async def start(self, definition: Definition, services: Sequence[str]) -> list[Instance]:
        """Creates and starts the one instance of each of `services`, in their order and in the place of stopped ones.

        All of them at once. Of an adopted release that is recalled the instance that it was found with is started, as
        long as it exists. Raises StartFailed with the first service that does not run.
        """

    async def create(self, definition: Definition, service: str) -> Instance:
        """Creates an instance of `service` beside the ones there are, and does not start it. Raises StartFailed.

        The others stay stopped, once they are, when the engine restarts.
        """

    def defined(self, sha: str) -> Definition:
        """Where the definition of a release that was defined before is; whether it is still there is not looked at."""

    async def recall(self, stamp: Stamp, services: Sequence[str]) -> Definition:
        """The kept definition of the release `stamp`, for a new rollout of it. Raises ReleaseNotKept.

        It is not kept when its definition is gone, or an image of one of `services`.
        """

    async def missing(self, sha: str, services: Sequence[str]) -> list[str]:
        """What of the kept release is gone: its definition, or images of `services`."""

    async def compare(self, tree: Path, stamp: Stamp, live: str | None) -> Comparison:
        """What the release would change of the one of the SHA `live`. Changes nothing. Raises ComposeInvalid."""

    async def publish(self, definition: Definition, color: Color) -> None:
        """The release is live on `color`: what an operator types by hand finds it as it runs, and changes nothing."""

    @property
    def times_away(self) -> int:
        """How often it was found away since this worker started."""

    async def ready(self) -> None:
        """It answers; one that is away is waited for. Raises EngineFailed."""

    @property
    def published_path(self) -> Path:
        """Where an operator's own `docker compose` reads."""

    async def publish_updater(self, model: Path) -> None:
        """The updater's own services run as `model` has them: that is found by hand too. Raises EngineFailed."""

    async def republish(self) -> None:
        """Takes the retired services out of what is found by hand. Raises ComposeInvalid, EngineFailed."""

    async def unchanged(self, instance: Instance, definition: Definition) -> bool:
        """Whether `definition` would run the instance's service from the same image in the same way."""

    async def resume(self, instance: str) -> None:
        """Starts a stopped or created instance. Raises StartFailed."""

    async def find(self, service: str, *, rollout: str | None = None) -> list[Instance]:
        """The service's instances, stopped ones too; with `rollout` only those that it made."""

    async def inspect(self, instance: str) -> Instance:
        """How the instance is now; state `removed` when there is none."""

    async def check(self, instance: str, limit: float) -> CheckResult:
        """Runs the instance's own health check now, once and to its end, as the engine does at its own times.

        Not passed when it has no check or does not run, when the check cannot start, and when it has not ended within
        `limit` seconds or the check's own limit. A run that hangs may go on after that; while it does, no other begins.
        """

    async def stop(self, instance: str, grace: float) -> Instance:
        """Asks it to stop, ends it after `grace` seconds; how it ended. One that is gone already is no error."""

    async def remove(self, instance: str) -> None:
        """Removes a stopped instance; an adopted one is kept. One that is not there is no error."""

    async def tail(self, instance: str, lines: int) -> list[str]:
        """The last lines that it wrote."""

    async def survey(self) -> Survey:
        """What is there, for a person to read. Changes nothing."""

    async def prune(self, keep: Collection[str]) -> int:
        """Removes own images and stopped singletons of other releases than the SHAs in `keep`; bytes freed."""


class Source(Protocol):
    """Where releases come from."""

    async def find(self, tag: str) -> str:
        """The object that the repository has under `tag` now. Raises TagNotFound."""

    async def fetch(self, tag: str) -> str:
        """The commit SHA of `tag`, fetched, and signed where the stack requires it.

        Raises TagNotFound, TagMoved, SignatureRefused, SignatureUnchecked, GitFailed.
        """

    async def differs(self, old: str, new: str, path: str) -> bool:
        """Whether anything below `path` differs between two commits that were fetched. Raises GitFailed."""

    async def checkout(self, sha: str) -> Path:
        """A tree of its own at that SHA. Raises GitFailed."""

    async def commit_in(self, directory: Path, name: str) -> str | None:
        """The commit that `name` (a full ref, HEAD or a SHA) names in the clone of the stack's repository there.

        None if there is no such clone, or no such commit in it. Raises GitFailed.
        """

    async def tags_in(self, directory: Path, sha: str) -> list[str]:
        """The tags that point to the commit `sha` in the clone in `directory`; none if there is no clone.

        Raises GitFailed.
        """

    async def moved_in(self, directory: Path) -> datetime | None:
        """When HEAD of the clone in `directory` last moved; None if nothing says so. Raises GitFailed."""

    async def prune(self, keep: Collection[str]) -> None:
        """Removes the trees of other commits."""


class Route(Protocol):
    """The one file that says which color gets the traffic."""

    async def flip(self, color: Color, rollout: str) -> None:
        """Moves all routes in one step; answers carry `rollout` from then on. Raises RouteNotConfirmed."""

    async def clear(self) -> None:
        """No route any more: there is nothing healthy to point to."""

    @property
    def file(self) -> Path:
        """Where it is, as the worker sees it."""

    async def stands(self, color: Color, rollout: str | None) -> bool:
        """Whether the file is what `flip` wrote; without a rollout, whether it names that color."""

    async def strays(self) -> list[str]:
        """Files beside it that claim its names, or that nobody can read: Traefik would believe neither."""

    async def set_aside(self, name: str) -> None:
        """Takes that file out of the watched directory, and keeps it. Raises RouteNotConfirmed."""

    async def active(self) -> Color | None:
        """Where the file points now; None when it is missing or not ours."""

    async def files(self) -> Mapping[str, str]:
        """The text of every file that Traefik reads in the watched directory, by its path inside it.

        Raises RouteNotConfirmed if one cannot be read.
        """

    async def restore(self, files: Mapping[str, str]) -> None:
        """Those files are in the watched directory as `files` gave them, and the route file only if it is one of them.

        Raises RouteNotConfirmed.
        """


class Probe(Protocol):
    async def get(self, url: str) -> Answer:
        """One GET; never raises, an answer that did not come has status 0."""


class Traffic(Protocol):
    """What clients are answered, as Traefik counts it."""

    async def tallies(self, color: Color) -> Mapping[str, Tally]:
        """By routed service, since some moment in the past. Raises TrafficUnknown."""


class Journal(Protocol):
    """The crash-safe state. A write is on disk when the call returns."""

    @property
    def state(self) -> State: ...

    @property
    def lost(self) -> str | None:
        """Why the state may not be the last one that was written; None where it is."""

    async def update(self, change: Callable[[State], State]) -> State:
        """Applies a transition. Raises StaleWorker when another worker has taken over."""

    async def check(self) -> None:
        """Before a mutation of anything else. Raises StaleWorker when another worker has taken over."""


class Inbox(Protocol):
    """The accepted releases that are not in the journal yet. Raises LedgerUnavailable."""

    async def ping(self) -> None: ...
    async def pending(self) -> list[Release]: ...
    async def accept(self, release: Release) -> Release | None:
        """Records `release` as a webhook's is. None, or the one that is already recorded under the same key."""

    async def known(self) -> list[Release]:
        """Every release that was ever accepted from GitHub and is remembered, decided or not."""

    async def taken(self, releases: Sequence[Release]) -> None: ...


@dataclass(frozen=True)
class Alarm:
    """What is not as it should be; `text` says what that means and what to do. `kind` is a stable word."""

    kind: str
    text: str


class Chronicle(Protocol):
    """What others read. It is told and not waited for: nothing of it delays or fails a rollout."""

    def status(self, state: State) -> None: ...
    def event(self, kind: str, **data: Any) -> None: ...
    def queued(self, releases: Sequence[Release]) -> None:
        """They wait: whoever knows the id of such a rollout finds it."""

    def keep(self, rollout: Rollout, state: State) -> None:
        """The rollout ends so, in `state`. It survives a crash from here on, and is not told yet."""

    def result(self, rollout: Rollout, state: State) -> None:
        """The rollout has ended so, in `state`."""

    def decided(self, release: Release, why: UpdaterError) -> None:
        """The release never gets a rollout. It survives a crash from here on."""

    async def decided_keys(self) -> list[str]:
        """The keys of the releases that were ever decided, as far as that is remembered; the oldest first."""

    async def history(self) -> list[dict[str, Any]]:
        """What has become of the releases, newest first, as it is kept on this machine: see app/domain/views.py."""

    async def rebuild(self, *, always: bool = False) -> None:
        """Writes anew what others read where it was lost, or `always`; where that cannot be done now, later."""

    def alarms(self, alarms: Sequence[Alarm]) -> None:
        """What is wrong now; a new one is an event."""

    def line(self, rollout: str, line: str) -> None:
        """Appends one line to that rollout's log."""


class Notifier(Protocol):
    """Tells people. It is told and not waited for: nothing of it delays or fails a rollout."""

    def tell(self, notice: Notice) -> None:
        """Once for each event, by its id, also over a restart."""

    def mark(self, event: str) -> None:
        """The event needs no message of its own: another one tells it."""

    def settle(self, prefix: str, *, standing: Sequence[str] = (), before: datetime | None = None) -> bool:
        """Of the events that begin with `prefix` those that are over may be told again; whether there were any.

        They are over when they are not `standing` and were told `before` (default: long enough ago, QUIET).
        """

    def counts(self) -> dict[str, int]:
        """Messages to one target each: `sent`, `given_up`, `waiting`; and how many `targets` there are."""


class Scope(Protocol):
    """What `limit` is inside of: `reschedule` moves its end to that moment of the loop's clock, the past included."""

    def reschedule(self, when: float | None) -> None: ...


class Clock(Protocol):
    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...
    def limit(self, seconds: float) -> AbstractAsyncContextManager[Scope]:
        """Ends what is inside after that long, with TimeoutError."""


@dataclass(frozen=True)
class Ports:
    engine: Engine
    source: Source
    route: Route
    probe: Probe
    traffic: Traffic | None
    journal: Journal
    inbox: Inbox
    chronicle: Chronicle
    clock: Clock
    room: Callable[[], Room]
    notifier: Notifier | None = None
