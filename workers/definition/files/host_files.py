"""The files of the host that a service mounts, and that its build reads: pure functions of a resolved Compose model.

Each is yielded as the key in the Compose file and the path. Relative paths are those that Compose left relative.
"""

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

CONTAINER = "container:"
BIND_FLAGS = frozenset({"bind", "rbind"})
OVER_THE_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3"})
LAYOUT = "oci-layout://"

Found = Iterator[tuple[str, str]]


def sources(model: Mapping[str, Any], name: str) -> Found:
    """What the service mounts, itself or with `volumes_from`. `container:x`: the mounts of that container."""
    return _sources(model, name, ())


def _sources(model: Mapping[str, Any], name: str, seen: tuple[str, ...]) -> Found:
    service = model["services"][name]
    for volume in service.get("volumes") or ():
        yield from _volume(model, volume)
    for part in ("secrets", "configs"):
        yield from _files(model, part, service.get(part) or ())
    for value in service.get("volumes_from") or ():
        other = value.removesuffix(":ro").removesuffix(":rw")
        if other.startswith(CONTAINER):
            yield "volumes_from", other
        elif other in model["services"] and other not in seen:
            yield from ((f"volumes_from: {other}, {key}", path) for key, path in _sources(model, other, (*seen, name)))


def _volume(model: Mapping[str, Any], volume: Mapping[str, Any]) -> Found:
    if volume.get("type") == "bind":
        yield "volumes", str(volume.get("source") or "")
    elif volume.get("type") == "volume" and (key := volume.get("source")):
        options = ((model.get("volumes") or {}).get(key) or {}).get("driver_opts") or {}
        yield from ((f"volumes/{key}/driver_opts", path) for path in _paths_in(options))


def _paths_in(options: Mapping[str, Any]) -> Iterator[str]:
    """The paths in a volume's options. The engine's own driver passes them to mount(2): `o: bind` mounts a directory.

    https://docs.docker.com/reference/cli/docker/volume/create/#driver-specific-options
    """
    flags = [word for key, value in options.items() if key == "o" for word in str(value).split(",")]
    remote = options.get("type") in OVER_THE_NETWORK and BIND_FLAGS.isdisjoint(flags)
    values = [str(value) for key, value in options.items() if key != "o" and not (remote and key == "device")]
    for word in flags:  # an overlay names its directories here: lowerdir=/a:/b
        values += word.partition("=")[2].split(":")
    yield from (value for value in values if value.startswith("/"))


def _files(model: Mapping[str, Any], part: str, used: Any) -> Found:
    for each in used:
        key = each["source"] if isinstance(each, Mapping) else each
        if path := ((model.get(part) or {}).get(key) or {}).get("file"):
            yield f"{part}/{key}", str(path)


def build_files(model: Mapping[str, Any], name: str) -> Found:
    """What the build of the service's image reads on the host, or writes: Compose does that for it, as the worker."""
    build: Mapping[str, Any] = model["services"][name].get("build") or {}
    context = str(build.get("context") or "")
    if context.startswith("/"):
        yield "build/context", context
        if "dockerfile_inline" not in build and (file := build.get("dockerfile")):
            yield "build/dockerfile", posixpath.join(context, file)
    for key, value in (build.get("additional_contexts") or {}).items():
        path = str(value).removeprefix(LAYOUT)
        if path != value or path.startswith("/"):
            yield f"build/additional_contexts/{key}", path.partition("@")[0]
    yield from ((f"build/{key}", path) for key, path in _files(model, "secrets", build.get("secrets") or ()))
    for key in ("cache_from", "cache_to", "ssh"):
        for value in build.get(key) or ():
            words = (word.partition("=") for word in str(value).split(","))
            yield from ((f"build/{key}", path) for _, _, path in words if path.startswith("/"))
