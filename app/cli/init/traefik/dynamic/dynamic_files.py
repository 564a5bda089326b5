"""Reads, on the host, the dynamic files of Traefik's container.

https://doc.traefik.io/traefik/reference/install-configuration/providers/others/file/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from app.cli.init.project.compose_file import Project
from app.cli.init.project.mounts import Mount, mount_of, on_host
from app.cli.init.project.service_facts import Service
from app.cli.init.traefik.static.config_file import Unreadable, is_absent, is_directory, read_dynamic_file, why_not
from app.cli.init.traefik.static.plain_image import placed
from app.cli.init.traefik.static.static_config import StaticConfig
from app.cli.init.traefik.static.unread import Unread

SUFFIXES = frozenset({".yml", ".yaml", ".toml"})
MOST_FILES = 1000
"""The most files to read from a directory."""

MOST_DEPTH = 50
"""How deep to look for files. A mounted directory may contain itself."""


@dataclass(frozen=True)
class Dynamic:
    """`inside` is the directory, or the `single` file, that Traefik watches in its container; None without one.

    `place` is its path on the host, `mount` the mount that contains it. `documents`: name → content of each file, in
    Traefik's order. `unread`: what of it cannot be read here.
    """

    inside: PurePosixPath | None = None
    single: bool = False
    place: Path | None = None
    mount: Mount | None = None
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()

    @property
    def watched(self) -> Path | None:
        """The watched directory on the host."""
        return self.place.parent if self.single and self.place else self.place


@dataclass(frozen=True)
class _File:
    """A file that Traefik loads: in its container, and here."""

    inside: PurePosixPath
    here: Path
    below: Path | None


def read_dynamic(
    project: Project, service: Service, config: StaticConfig, every: list[Mount], copies: Mapping[PurePosixPath, Path]
) -> Dynamic:
    """The files that the file provider of `config` reads in `service`, with the mounts `every`.

    `copies`: paths in the container → what to read for them.
    """
    filename, directory = (config.get("providers", "file", key) for key in ("filename", "directory"))
    named = directory or filename
    if not named:
        return Dynamic()
    inside = placed(named, service)
    if inside is None:
        why = "is relative to the image's own directory, which is unknown here: write the whole path"
        return Dynamic(PurePosixPath(named), single=not directory, unread=(Unread(named, why),))
    seen = [*(Mount(target, here) for target, here in copies.items()), *every]
    found = [*_entry(seen, inside)] if not directory else [*_directory(seen, inside)]
    documents, unread = _read(project, every, found)
    return Dynamic(inside, not directory, on_host(every, inside), mount_of(every, inside), documents, tuple(unread))


def _read(
    project: Project, every: list[Mount], found: list[_File | Unread]
) -> tuple[dict[str, Mapping[str, Any]], list[Unread]]:
    documents: dict[str, Mapping[str, Any]] = {}
    unread = [each for each in found if isinstance(each, Unread)]
    files = [each for each in found if isinstance(each, _File)]
    for file in files[:MOST_FILES]:
        here = on_host(every, file.inside)
        try:
            content = read_dynamic_file(file.here, file.below)
        except Unreadable as error:
            unread.append(Unread(str(file.inside), str(error), project.shown(here) if here else ""))
            continue
        documents[project.shown(here) if here else str(file.inside)] = content
    if len(files) > MOST_FILES:
        unread.append(Unread(str(files[0].inside.parent), f"has more than {MOST_FILES} files"))
    return documents, unread


def _directory(every: list[Mount], inside: PurePosixPath, depth: int = 0) -> Iterator[_File | Unread]:
    """The files that Traefik loads, including subdirectories and mounts in them, in the order of their names."""
    mount, here = mount_of(every, inside), on_host(every, inside)
    names = {m.target.relative_to(inside).parts[0] for m in every if inside in m.target.parents}
    if depth > MOST_DEPTH:
        yield Unread(str(inside), f"is more than {MOST_DEPTH} directories deep")
        return
    if here is not None:
        try:
            names |= {path.name for path in here.iterdir()}
        except OSError as error:
            yield Unread(str(inside), why_not(error), "" if str(here) == str(inside) else str(here))
    elif mount or not names:
        yield Unread(str(inside), mount.place if mount else "is not mounted from this machine")
    for name in sorted(names):
        yield from _entry(every, inside / name, depth + 1)


def _entry(every: list[Mount], inside: PurePosixPath, depth: int = 0) -> Iterator[_File | Unread]:
    """What Traefik loads at `inside`: it follows no link to a directory, but a mount is none."""
    mount, here = mount_of(every, inside), on_host(every, inside)
    is_mounted = mount is not None and mount.target == inside
    is_file = inside.suffix.lower() in SUFFIXES or not depth
    if here is None:
        yield from _elsewhere(every, inside, depth)
    elif is_directory(here) and depth and (is_mounted or not here.is_symlink()):
        yield from _directory(every, inside, depth)
    elif is_file:
        yield _File(inside, here, None if is_mounted or mount is None else mount.source)
    elif is_mounted and is_absent(here):
        yield Unread(str(inside), mount.place if mount else "")


def _elsewhere(every: list[Mount], inside: PurePosixPath, depth: int) -> Iterator[_File | Unread]:
    """What is not on this machine: a volume, the content of a config, or the image's own directory."""
    mount = mount_of(every, inside)
    if mount is None and depth:
        yield from _directory(every, inside, depth)
    elif mount is None:
        yield Unread(str(inside), "is not mounted from this machine")
    elif not mount.is_file or inside.suffix.lower() in SUFFIXES or not depth:
        yield Unread(str(inside), mount.place)
