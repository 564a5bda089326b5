"""Adds Traefik's labels in images to those of their services: a container has both.

https://docs.docker.com/reference/dockerfile/#label
"""

from collections.abc import Collection
from dataclasses import replace

from app.cli.init.images.build_files import built_image
from app.cli.init.images.facts import FindImage, ImageFacts
from app.cli.init.project.compose_file import Project
from app.cli.init.project.service_facts import Service, pairs

PREFIX = "traefik."


def with_image_labels(project: Project, colored: Collection[str], find_image: FindImage) -> Project:
    """`project`, with the labels of each Dockerfile, and of the local images of `colored` services."""
    labeled: dict[str, Service] = {}
    for name, service in project.services.items():
        built = built_image(project, service)
        local = find_image(str(service.get("image") or f"{project.name}-{name}")) if name in colored else None
        if found := {**_of_traefik(local), **_of_traefik(built.image if built else None)}:
            labeled[name] = {**service, "labels": {**found, **pairs(service.get("labels"))}}
    return replace(project, model={**project.model, "services": {**project.services, **labeled}})


def _of_traefik(image: ImageFacts | None) -> dict[str, str]:
    return {name: value for name, value in (image.labels if image else {}).items() if name.lower().startswith(PREFIX)}
