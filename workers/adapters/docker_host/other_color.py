"""Finds a kept release's image under the name of the other color, which is built in the same way."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.stack import Stack
from workers.adapters.docker_host.client import Docker

Model = Mapping[str, Any]


async def images_for(docker: Docker, kept: Model, stack: Stack, services: Sequence[str]) -> dict[str, str | None]:
    """For each service the image that it can run from; None if it is missing.

    A release is built for one color. The other color's image is as good if its build is defined in the same way.
    """
    return {service: await _image_for(docker, kept, stack, service) for service in services}


async def give_names(docker: Docker, kept: Model, images: Mapping[str, str | None]) -> None:
    """Tags the images of `images_for` with the names that `kept` has for their services."""
    for service, image in images.items():
        name = kept["services"][service]["image"]
        if image is not None and image != name:
            await docker.tag(image, name)


async def _image_for(docker: Docker, kept: Model, stack: Stack, service: str) -> str | None:
    for name in (service, *_built_alike(kept, stack, service)):
        image: str = kept["services"][name]["image"]
        if await docker.image_id(image) is not None:
            return image
    return None


def _built_alike(kept: Model, stack: Stack, service: str) -> list[str]:
    """The same service of the other color, if its build is defined in the same way."""
    others = [s.colors[color.other] for s in stack.routed for color, name in s.colors.items() if name == service]
    build = kept["services"][service].get("build")
    return [other for other in others if build is not None and kept["services"][other].get("build") == build]
