"""Maps paths in a container to paths on the host: bind mounts, volumes on a host directory, configs, secrets."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from app.cli.init.project.compose_file import Project
from app.cli.init.project.interpolation import has_variable
from app.cli.init.project.service_facts import Service, entries, pairs

SOCKET = "docker.sock"
TMPFS = "tmpfs"
IN_MEMORY = "a tmpfs"
_NOWHERE = "an invalid path, or the home directory of an unknown user"
_BASES = {"configs": "/", "secrets": "/run/secrets"}


@dataclass(frozen=True)
class Mount:
    """`target` is in the container, `source` on the host; None if it is not on the host. `what`: its kind, in words."""

    target: PurePosixPath
    source: Path | None
    volume: str = ""
    what: str = ""
    is_file: bool = False

    @property
    def place(self) -> str:
        """Where its content is, as the rest of a sentence."""
        if self.source is not None:
            return f"is mounted from {self.source}, which does not exist on this machine"
        return f"is in {self.what or f'the volume {self.volume}'.strip()}, which is not on this machine's disk"


def mounts(project: Project, service: Service) -> list[Mount]:
    """All mounts of `service`, in the order of its definition: its own before those of another service."""
    own = [*_lasting(project, service), *_tmpfs(service)]
    return [*own, *(mount for other in _from(project, service) for mount in _lasting(project, other))]


def unknown_mounts(project: Project, service: Service) -> list[str]:
    """The entries of `volumes_from`, also of the services that it names, whose mounts the Compose file does not say."""
    every = [service, *_from(project, service)]
    named = [str(each) for other in every for each in entries(other.get("volumes_from"))]
    return [each for each in dict.fromkeys(named) if _source_service(each) not in project.services]


def _lasting(project: Project, service: Service) -> Iterator[Mount]:
    yield from _volumes(project, service)
    yield from _files(project, service, "configs")
    yield from _files(project, service, "secrets")


def _from(project: Project, service: Service) -> list[Service]:
    """The services whose mounts it gets by `volumes_from`, also by way of others. They share no tmpfs.

    https://docs.docker.com/reference/compose-file/services/#volumes_from
    """
    found: dict[str, Service] = {}
    waiting = [service]
    while waiting:
        for each in entries(waiting.pop(0).get("volumes_from")):
            name = _source_service(str(each))
            if name in project.services and name not in found:
                found[name] = project.services[name]
                waiting.append(found[name])
    return list(found.values())


def _source_service(entry: str) -> str:
    return entry.removesuffix(":ro").removesuffix(":rw")


def _tmpfs(service: Service) -> Iterator[Mount]:
    """The empty directories in memory, of the short form and of `volumes`."""
    short = service.get("tmpfs")
    targets = [str(each).partition(":")[0] for each in ([short] if isinstance(short, str) else entries(short))]
    volumes = entries(service.get("volumes"))
    targets += [str(each.get("target")) for each in volumes if isinstance(each, Mapping) and each.get("type") == TMPFS]
    yield from (Mount(PurePosixPath(target), None, what=IN_MEMORY) for target in targets if target.startswith("/"))


def mount_of(every: list[Mount], inside: PurePosixPath) -> Mount | None:
    """The innermost mount that contains `inside`."""
    around = [mount for mount in every if inside.is_relative_to(mount.target)]
    return max(around, key=lambda mount: len(mount.target.parts), default=None)


def on_host(every: list[Mount], inside: PurePosixPath) -> Path | None:
    """The path of `inside` on the host; None if it is not on the host, or no path."""
    mount = mount_of(every, inside)
    if not mount or not mount.source or not _is_path(str(inside)):
        return None
    return mount.source / inside.relative_to(mount.target)


def _is_path(text: str) -> bool:
    """Whether it can be the path of a file: it has no NUL and no half of a character."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def mounts_the_engine(service: Service) -> bool:
    """Whether `service` mounts the Docker Engine's socket."""
    return any(text.endswith(SOCKET) for each in entries(service.get("volumes")) for text in _source_and_target(each))


def _volumes(project: Project, service: Service) -> Iterator[Mount]:
    for each, is_unknown in zip(entries(service.get("volumes")), _unknown(project, service), strict=False):
        source, target = _source_and_target(each)
        if not target.startswith("/") or (isinstance(each, Mapping) and each.get("type") == TMPFS):
            continue
        if is_unknown:
            yield Mount(PurePosixPath(target), None, what="a place that a variable names")
        elif source.startswith(("/", ".", "~")):
            yield Mount(PurePosixPath(target), _here(project, source), what=_NOWHERE)
        else:
            options = each.get("volume") if isinstance(each, Mapping) else None
            part = isinstance(options, Mapping) and "subpath" in options
            device = None if part else _device(project.part("volumes").get(source, {}))
            yield Mount(PurePosixPath(target), device, source)


def _here(project: Project, source: str) -> Path | None:
    """`source` of a mount on this machine; None if it is no path, or below the home of a user that does not exist."""
    try:
        return project.directory / Path(source).expanduser() if _is_path(source) else None
    except RuntimeError:
        return None


def _unknown(project: Project, service: Service) -> Iterator[bool]:
    """For each of the service's volumes, whether a variable names its source, which Compose could not tell."""
    name = next((name for name, each in project.services.items() if each is service), None)
    services = project.written.get("services") or {}
    written = entries(services[name].get("volumes")) if name in services else []
    for each in written:
        yield has_variable(str(each.get("source")) if isinstance(each, Mapping) else each)
    while True:
        yield False


def _source_and_target(volume: object) -> tuple[str, str]:
    """Source and target of an entry of `volumes`, in its short or long form."""
    if isinstance(volume, Mapping):
        return str(volume.get("source") or ""), str(volume.get("target") or "")
    source, _, rest = str(volume).partition(":")
    return (source, rest.partition(":")[0]) if rest else ("", source)


def _device(volume: Mapping[str, Any]) -> Path | None:
    """The host directory of a volume with `driver_opts: {type: none, o: bind, device: …}`."""
    options = pairs(volume.get("driver_opts"))
    device, kind = str(options.get("device") or ""), str(options.get("o") or "")
    return Path(device) if device.startswith("/") and "bind" in kind.split(",") and _is_path(device) else None


def _files(project: Project, service: Service, kind: str) -> Iterator[Mount]:
    """Configs and secrets. A relative target of a secret is below /run/secrets.

    https://docs.docker.com/reference/compose-file/services/#configs
    """
    base = PurePosixPath(_BASES[kind])
    for each in entries(service.get(kind)):
        name = str(each.get("source")) if isinstance(each, Mapping) else str(each)
        target = str(each.get("target") or name) if isinstance(each, Mapping) else name
        file = project.part(kind).get(name, {}).get("file")
        source = _here(project, str(file)) if file else None
        yield Mount(base / target, source, what=f"{kind}/{name} of the Compose file", is_file=True)
