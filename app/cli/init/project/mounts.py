"""Maps paths in a container to paths on the host: bind mounts, volumes on a host directory, configs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from app.cli.init.project.compose_file import Project
from app.cli.init.project.service_facts import Service, entries, pairs

SOCKET = "docker.sock"


@dataclass(frozen=True)
class Mount:
    """`target` is in the container, `source` on the host; None if the engine stores it."""

    target: PurePosixPath
    source: Path | None
    volume: str = ""


def mounts(project: Project, service: Service) -> list[Mount]:
    """All mounts of `service`, in the order of its definition."""
    return [*_volumes(project, service), *_configs(project, service)]


def mount_of(every: list[Mount], inside: PurePosixPath) -> Mount | None:
    """The innermost mount that contains `inside`."""
    around = [mount for mount in every if inside.is_relative_to(mount.target)]
    return max(around, key=lambda mount: len(mount.target.parts), default=None)


def on_host(every: list[Mount], inside: PurePosixPath) -> Path | None:
    """The path of `inside` on the host; None if it is not on the host."""
    mount = mount_of(every, inside)
    return mount.source / inside.relative_to(mount.target) if mount and mount.source else None


def mounts_the_engine(service: Service) -> bool:
    """Whether `service` mounts the Docker Engine's socket."""
    return any(text.endswith(SOCKET) for each in entries(service.get("volumes")) for text in _source_and_target(each))


def _volumes(project: Project, service: Service) -> Iterator[Mount]:
    for each in entries(service.get("volumes")):
        source, target = _source_and_target(each)
        if not target.startswith("/"):
            continue
        if source.startswith(("/", ".", "~")):
            yield Mount(PurePosixPath(target), project.directory / Path(source).expanduser())
        else:
            yield Mount(PurePosixPath(target), _device(project.part("volumes").get(source, {})), source)


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
    return Path(device) if device.startswith("/") and "bind" in kind.split(",") else None


def _configs(project: Project, service: Service) -> Iterator[Mount]:
    """https://docs.docker.com/reference/compose-file/services/#configs"""
    for each in entries(service.get("configs")):
        name = str(each.get("source")) if isinstance(each, Mapping) else str(each)
        target = str(each.get("target") or f"/{name}") if isinstance(each, Mapping) else f"/{name}"
        if file := project.part("configs").get(name, {}).get("file"):
            yield Mount(PurePosixPath(target), project.directory / Path(str(file)).expanduser())
