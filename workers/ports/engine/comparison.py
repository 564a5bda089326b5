"""A release compared with the live one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.routing.networks import Choice


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
    `reading`: what the engine has read of the release, with its secrets, for `define`.
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
    reading: object = field(default=None, repr=False, compare=False)
