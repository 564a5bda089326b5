"""The parts of the stack file that are numbers: time limits, checks, what the host needs to have, and what is kept."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from app.config.part import Part
from app.config.routes.routed import Seconds
from app.domain.stack import Checks, Keep, Needs, Times


def _no_bool(value: Any) -> Any:
    """YAML reads `off` and `no` as False, which would count as the number 0."""
    if isinstance(value, bool):
        raise ValueError("should be a number, or null")  # noqa: TRY004 - pydantic reports a ValueError
    return value


class TimesPart(Part):
    """`times`: seconds."""

    fetch: Seconds = Times.fetch
    build: Seconds = Times.build
    image: Annotated[float, Field(ge=0, le=86_400)] = Times.image
    retry: Annotated[float, Field(ge=0, le=86_400)] = Times.retry
    start: Seconds = Times.start
    health: Seconds = Times.health
    route: Seconds = Times.route
    ready: Seconds = Times.ready
    bake: Seconds = Times.bake
    drain: Annotated[float, Field(ge=0, le=86_400)] = Times.drain
    stop_grace: Seconds = Times.stop_grace


class ChecksPart(Part):
    """`checks`: how often and how long a copy is asked for its health."""

    passes: int = Field(Checks.passes, ge=1, le=100)
    interval: Seconds = Checks.interval
    timeout: Seconds = Checks.timeout
    errors: float = Field(Checks.errors, ge=0, le=1)


class NeedsPart(Part):
    """`needs`: what the host has to have free."""

    disk_gb: float = Field(Needs.disk_gb, ge=0)
    memory_mb: float = Field(Needs.memory_mb, ge=0)


class KeepPart(Part):
    """`keep`: what is not pruned."""

    build_cache_gb: Annotated[float | None, BeforeValidator(_no_bool)] = Field(Keep.build_cache_gb, ge=0)
