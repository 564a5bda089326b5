"""Reads the image that a service builds from its Dockerfile in the build context."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.cli.init.images.dockerfile import image_of
from app.cli.init.images.facts import ImageFacts
from app.cli.init.project.compose_file import Project
from app.cli.init.project.service_facts import Service, pairs

LARGEST = 1_000_000
"""The largest Dockerfile to read, in bytes."""


@dataclass(frozen=True)
class Built:
    """A built image. `where` is the Dockerfile's path for people."""

    image: ImageFacts
    where: str


def built_image(project: Project, service: Service) -> Built | None:
    """The image that `service` builds; None if it has no build or its Dockerfile cannot be read."""
    build = service.get("build")
    if isinstance(build, str):
        build = {"context": build}
    if not isinstance(build, Mapping):
        return None
    target, args = build.get("target"), pairs(build.get("args"))
    target = str(target) if target else None
    if inline := build.get("dockerfile_inline"):
        return Built(image_of(str(inline), target=target, args=args), "dockerfile_inline")
    file = project.directory / str(build.get("context") or ".") / str(build.get("dockerfile") or "Dockerfile")
    text = _text(file)
    return Built(image_of(text, target=target, args=args), project.shown(file)) if text is not None else None


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8") if file.stat().st_size <= LARGEST else None
    except (OSError, ValueError):
        return None
