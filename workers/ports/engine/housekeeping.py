"""The part of the engine that looks after the engine itself, and what it stores."""

from collections.abc import Collection, Mapping
from typing import Protocol

from workers.ports.engine.cluster import Cluster
from workers.ports.engine.survey import Survey
from workers.ports.mutation import mutation


class Housekeeping(Protocol):
    """The engine itself, and what it stores."""

    async def ready(self) -> None:
        """Waits until the engine answers. Raises EngineFailed."""

    @property
    def times_away(self) -> int:
        """How often the engine was unreachable, or did not answer a call in time, since this worker started."""

    async def survey(self) -> Survey:
        """Reports what the machine runs and stores. Changes nothing."""

    async def cluster(self) -> Cluster | None:
        """The engine's machines; None if it has one. Changes nothing."""

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
