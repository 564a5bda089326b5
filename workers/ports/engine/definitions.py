"""The part of the engine that knows how releases run, and has their images."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from app.domain.release_stack import Roles
from app.domain.stack import Color
from workers.ports.engine.comparison import Comparison
from workers.ports.engine.definition import Definition, LiveFiles, Stamp
from workers.ports.engine.instance import Instance
from workers.ports.mutation import mutation


class Definitions(Protocol):
    """The definitions of releases and their images."""

    @mutation
    async def define(self, tree: Path, stamp: Stamp, compared: Comparison | None = None) -> Definition:
        """Writes the definition of how the release's services will run. Raises ComposeInvalid, PolicyRefused.

        With `compared`, the comparison of the same release, the definition is what was compared, and is not read again.
        """

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

        A file of the operator that the instance mounts, and that has another content since, is a change. Raises
        BuildFailed if that image is missing.
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
