"""The facts about an image that `updater init` uses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ImageFacts:
    """`ports` are the TCP ports of EXPOSE; `health` is the command of HEALTHCHECK, None without one.

    `base`: the image that a Dockerfile starts from; empty if it is not known.
    """

    ports: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    health: str | tuple[str, ...] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    base: str = field(default="", compare=False)


FindImage = Callable[[str], ImageFacts | None]
"""Finds a local image by name; None if it is unknown or no engine answers."""


def no_images(_: str) -> None:
    """Finds nothing, without asking an engine."""
