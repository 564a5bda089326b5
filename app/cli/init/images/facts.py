"""What an image says of itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ImageFacts:
    """`ports` are those of EXPOSE, over TCP; `health` is the command of HEALTHCHECK, None without one."""

    ports: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    health: str | tuple[str, ...] | None = None


FindImage = Callable[[str], ImageFacts | None]
"""An image of this machine by its name; None when it is unknown, or no engine answers."""


def no_images(_: str) -> None:
    """No engine is asked."""
