"""A copy of a service, and what runs a service beside the copies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


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
    before the updater did that; it counts as the blue color. `ports`: those of the host that lead to it. `silent`: the
    machines of the engine that do not answer, and on which the copy may still run, whatever its `state` is.
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
    silent: tuple[str, ...] = ()

    def grace(self, default: float) -> float:
        """How long a stop waits for its end: `stop_grace`, else `default` (`times/stop_grace`)."""
        return default if self.stop_grace is None else self.stop_grace

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def cut_off(self) -> bool:
        """Whether it runs in no network any more, as after `docker network disconnect`: a rollout starts none so."""
        return self.running and self.rollout is not None and not self.adopted and not self.addresses

    @property
    def gone(self) -> bool:
        """Whether it no longer holds connections or answers requests, on any machine."""
        return self.state in {"created", "exited", "dead", "removed"} and not self.silent


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
