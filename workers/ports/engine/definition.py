"""The definition of one release, and who made it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


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
