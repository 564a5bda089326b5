"""Tells Traefik's official image, which has no configuration of its own, from others."""

import re
from pathlib import PurePosixPath

from app.cli.init.project.service_facts import Service

_OFFICIAL = re.compile(r"(?:docker\.io/)?(?:(?:library|traefik)/)?traefik(?:[:@].*)?")
"""Of Docker Hub. An image of the same name in another registry may have files of its own."""


def is_plain(service: Service) -> bool:
    """Whether it runs the official image, to which nothing was added."""
    return _OFFICIAL.fullmatch(str(service.get("image") or "")) is not None and "build" not in service


def placed(path: str, service: Service) -> PurePosixPath | None:
    """`path` in the service's container; None if it is relative to a directory that only the image knows."""
    directory = str(service.get("working_dir") or ("/" if is_plain(service) else ""))
    full = PurePosixPath(directory) / path
    return _normal(full) if full.is_absolute() else None


def _normal(path: PurePosixPath) -> PurePosixPath:
    """Without `..`: mounts are compared part by part."""
    parts: list[str] = []
    for part in path.parts[1:]:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return PurePosixPath("/", *parts)
