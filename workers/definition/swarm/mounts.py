"""What a service mounts, in the words of the engine's API."""

from collections.abc import Iterator, Mapping
from typing import Any

from workers.definition.swarm.units import size
from workers.redaction.encodings import undoubled

Model = Mapping[str, Any]
Service = Mapping[str, Any]
Part = dict[str, Any]

BIND, VOLUME, TMPFS = "bind", "volume", "tmpfs"


def mounts_of(model: Model, service: Service) -> list[Part]:
    """Its volumes, binds and file systems in memory. https://docs.docker.com/reference/api/engine/ (Mount)"""
    return [*(_mount(model, volume) for volume in service.get("volumes") or ()), *_in_memory(service)]


def volumes_of(model: Model, service: Service) -> Iterator[tuple[str, Model]]:
    """The named volumes that it mounts, each with its definition in the model."""
    for volume in service.get("volumes") or ():
        if volume.get("type") == VOLUME and volume.get("source"):
            yield str(volume["source"]), (model.get("volumes") or {}).get(volume["source"]) or {}


def _mount(model: Model, volume: Model) -> Part:
    kind = volume["type"]
    mount: Part = {"Type": kind, "Target": undoubled(volume["target"]), "ReadOnly": bool(volume.get("read_only"))}
    if kind == BIND:
        propagation = (volume.get("bind") or {}).get("propagation")
        options = {"BindOptions": {"Propagation": propagation}} if propagation else {}
        return {**mount, "Source": undoubled(volume["source"]), **options}
    if kind == TMPFS:
        return {**mount, **_tmpfs(volume.get("tmpfs") or {})}
    return {**mount, **_named(model, volume)}


def _named(model: Model, volume: Model) -> Part:
    """An anonymous volume has no source: each task then gets a new one."""
    if not (key := volume.get("source")):
        return {}
    defined: Model = (model.get("volumes") or {}).get(key) or {}
    options: Part = {"NoCopy": bool((volume.get("volume") or {}).get("nocopy"))}
    if driver := defined.get("driver") or ("local" if defined.get("driver_opts") else None):
        given = {name: undoubled(str(value)) for name, value in (defined.get("driver_opts") or {}).items()}
        options["DriverConfig"] = {"Name": driver, "Options": given}
    return {"Source": str(defined.get("name") or f"{model.get('name')}_{key}"), "VolumeOptions": options}


def _tmpfs(options: Model) -> Part:
    found: Part = {}
    if options.get("size"):
        found["SizeBytes"] = size(options["size"])
    if options.get("mode") is not None:
        found["Mode"] = int(options["mode"])
    return {"TmpfsOptions": found} if found else {}


def _in_memory(service: Service) -> Iterator[Part]:
    """`tmpfs` lists paths, each with options after a colon. https://docs.docker.com/reference/compose-file/services/"""
    listed = service.get("tmpfs") or ()
    for text in [listed] if isinstance(listed, str) else listed:
        path, _, written = undoubled(str(text)).partition(":")
        options = dict(each.split("=", 1) for each in written.split(",") if "=" in each)
        if "mode" in options:
            options["mode"] = str(int(options["mode"], 8))
        yield {"Type": TMPFS, "Target": path, "ReadOnly": False, **_tmpfs(options)}
