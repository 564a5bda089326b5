"""Reads, on the host, the dynamic files of Traefik's container.

https://doc.traefik.io/traefik/reference/install-configuration/providers/others/file/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from app.cli.init.project.compose_file import Project
from app.cli.init.project.mounts import Mount, mount_of, on_host
from app.cli.init.traefik.static_config import StaticConfig, loaded

SUFFIXES = frozenset({".yml", ".yaml", ".toml"})
MOST_FILES = 200
"""The most files to read from a directory."""


@dataclass(frozen=True)
class Dynamic:
    """`inside` is the directory, or the `single` file, that Traefik watches in its container; None without one.

    `place` is its path on the host, `mount` the mount that contains it. `documents`: name → content of each file.
    `unreadable` files are neither YAML nor TOML.
    """

    inside: PurePosixPath | None = None
    single: bool = False
    place: Path | None = None
    mount: Mount | None = None
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()

    @property
    def watched(self) -> Path | None:
        """The watched directory on the host."""
        return self.place.parent if self.single and self.place else self.place


def read_dynamic(project: Project, config: StaticConfig, every: list[Mount]) -> Dynamic:
    """The files that the file provider of `config` reads, with the mounts `every`."""
    filename, directory = (config.get("providers", "file", key) for key in ("filename", "directory"))
    if not filename and not directory:
        return Dynamic()
    inside = PurePosixPath("/") / (directory or filename or "")
    place = on_host(every, inside)
    files = [] if place is None else [place] if not directory else list(islice(_files(place), MOST_FILES))
    read = {project.shown(file): loaded(file) for file in files if file.is_file()}
    return Dynamic(
        inside,
        single=not directory,
        place=place,
        mount=mount_of(every, inside),
        documents={name: content for name, content in read.items() if content is not None},
        unreadable=tuple(name for name, content in read.items() if content is None),
    )


def _files(directory: Path) -> Iterator[Path]:
    """The files that Traefik loads, including subdirectories, in the order of their names."""
    try:
        every = sorted(directory.iterdir())
    except OSError:
        return
    for path in every:
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        elif path.suffix.lower() in SUFFIXES:
            yield path
