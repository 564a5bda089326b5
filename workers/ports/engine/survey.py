"""What the machine runs and stores."""

from collections.abc import Mapping
from dataclasses import dataclass


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
