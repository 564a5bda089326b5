"""The updater's own services, as the worker uses them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from workers.ports import Instance
from workers.self_update.model import Attempt, Runs, Services, Side


class OwnServices(Protocol):
    """The updater's own services on the engine. Every call may raise EngineFailed."""

    async def running(self) -> Mapping[str, Runs]:
        """Returns the running services by name; a stopped service is left out."""

    def defined(self, model: Path) -> Services | None:
        """Returns None if the file is missing."""

    def left(self) -> Path | None:
        """Returns the model from which the last succession left the updater running; None if there was none."""

    async def fetch(self, new: Path) -> None:
        """Pulls the missing images of the new updater. Raises BuildFailed."""

    async def prepare(self, attempt: Attempt, new: Path, old: Path) -> None:
        """Writes all that the successor needs to disk. From then on `attempt` has begun."""

    async def send(self, attempt: Attempt) -> None:
        """Starts the successor unless it runs already. Raises StartFailed."""

    async def dismiss(self) -> bool:
        """Stops and removes the successor. Returns whether there was one."""

    async def put(self, attempt: Attempt, service: str, *, new: bool) -> None:
        """Runs the service as the new or the old updater. Raises StartFailed."""

    async def instance(self, service: str) -> Instance | None:
        """Returns None unless there is exactly one container."""

    @property
    def attempt(self) -> Attempt | None:
        """The last attempt, ended or not."""

    def record(self, attempt: Attempt) -> None: ...

    def claims(self, attempt: Attempt, side: Side) -> bool:
        """Returns whether `side` may stop the other one during `attempt`. Only the first side that asks may."""

    def claimed(self, attempt: Attempt) -> Side | None:
        """Returns the side that may; None if neither has asked."""


def goes_on(own: OwnServices) -> bool:
    """Returns whether a succession has begun and not ended."""
    attempt = own.attempt
    return attempt is not None and not attempt.ended
