"""The plan: what a rollout of a tag would do."""

from typing import Literal

from pydantic import Field

from app.api.model import ResponseModel


class PlannedFrom(ResponseModel):
    """The live release, which the rollout would replace."""

    tag: str = ""
    sha: str = ""
    adopted: bool = False


class PlannedImage(ResponseModel):
    """`builds` is False for an image that is pulled; `reason` is for people."""

    service: str = ""
    image: str = ""
    builds: bool = False
    reason: str = ""


class PlannedCopies(ResponseModel):
    """How many containers of a color's `service` start. `before`: how many serve now; None if that is not known."""

    service: str = ""
    copies: int = 1
    before: int | None = None


class PlannedSingleton(ResponseModel):
    name: str = ""
    service: str = ""
    restarts: bool = False
    reason: str = ""


class PlannedFollower(ResponseModel):
    """`copies` of it are replaced, or stay as they are; `reason` is for people."""

    name: str = ""
    service: str = ""
    copies: int = 1
    replaced: bool = False
    reason: str = ""


class PlannedRoute(ResponseModel):
    """`from` is None if nothing is live. All `routers` change in one step."""

    from_: str | None = Field(default=None, alias="from")
    to: str = ""
    routers: tuple[str, ...] = ()


class EnvironmentChange(ResponseModel):
    """Names of variables, never values."""

    service: str = ""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


class NotApplied(ResponseModel):
    """A service that the release changes, but that no rollout updates."""

    service: str = ""
    reason: str = ""


class PlannedDisk(ResponseModel):
    free_bytes: int = 0
    needed_bytes: int = 0


class PlannedFile(ResponseModel):
    """`service` uses `path` by `key` of the Compose file. `origin`: `release`, or `live` for the live directory."""

    path: str = ""
    origin: str = ""
    service: str = ""
    key: str = ""


class PlannedNetwork(ResponseModel):
    """In which of its networks the worker would ask `service` for its health, and why: for people."""

    service: str = ""
    network: str = ""
    reason: str = ""


class PlannedCommand(ResponseModel):
    """A command before the flip; an empty `command` is the service's own. `limit`: seconds.

    `runs` is False if it already succeeded for this commit.
    """

    step: str = ""
    service: str = ""
    command: tuple[str, ...] = ()
    limit: float = 0.0
    runs: bool = True


class Plan(ResponseModel):
    """`blocked_by`: why the rollout would not start now. `adoption_refused`: why the running stack is not adopted."""

    tag: str = ""
    sha: str = ""
    current: PlannedFrom | None = None
    adoption_refused: str | None = None
    target_color: str = ""
    images: tuple[PlannedImage, ...] = ()
    starts: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    singletons: tuple[PlannedSingleton, ...] = ()
    followers: tuple[PlannedFollower, ...] = ()
    route: PlannedRoute | None = None
    environment_changes: tuple[EnvironmentChange, ...] = ()
    retired: tuple[str, ...] = ()
    not_applied: tuple[NotApplied, ...] = ()
    disk: PlannedDisk | None = None
    would_start: bool = False
    blocked_by: tuple[str, ...] = ()
    before_flip: tuple[PlannedCommand, ...] = ()
    rollback: Literal["allowed", "never"] = "allowed"
    warnings: tuple[str, ...] = ()
    files: tuple[PlannedFile, ...] = ()
    copies: tuple[PlannedCopies, ...] = ()
    networks: tuple[PlannedNetwork, ...] = ()
