"""What a stack would touch outside the demo, so that nothing of it may start: pure functions of Compose's model."""

import os.path
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.stack import BOTH, Stack
from workers.definition.refusals.places import SOCKETS, Places, real_path

Model = Mapping[str, Any]


@dataclass(frozen=True)
class Surroundings:
    """`place`: the demo's own directory. `owned`: the engine is the demo's own, so no other project is on it.

    `names`: of the engine's containers. `port_is_free`: of the host, by its address and number. `sockets`: the paths
    where an engine listens here.
    """

    place: Path
    owned: bool
    names: Collection[str] = ()
    port_is_free: Callable[[str, int], bool] = lambda *_: True
    sockets: Collection[str] = SOCKETS

    def holds(self, path: str) -> bool:
        """Whether `path` is in the demo's own directory, after all links."""
        return Path(real_path(path) or "/").is_relative_to(os.path.realpath(self.place))


def dangers(model: Model, stack: Stack, running: Collection[str], around: Surroundings) -> list[str]:
    """What the services in `running` would touch that is not the demo's, each with what to do. Each is said once."""
    moved = stack.written_services()
    found: list[str] = []
    for name in (name for name in running if name in model["services"]):
        service = model["services"][name]
        found += _mounts(name, service, around)
        found += _shared(name, service)
        if name in moved and moved[name] != BOTH:
            found += _collisions(name, service, around)
    found += _volumes(model, running, around)
    found += _networks(model, running, around)
    return list(dict.fromkeys(found))


def _mounts(name: str, service: Model, around: Surroundings) -> Iterator[str]:
    places = Places(str(around.place), str(around.place), "/dev/null", sockets=around.sockets)
    for mount in service.get("volumes") or ():
        source = str(mount.get("source") or "")
        if mount.get("type") != "bind" or around.holds(source):
            continue
        if places.reaches_socket(source):
            yield f"{name} mounts {source}: it would control the Docker Engine of this machine"
        elif not mount.get("read_only"):
            yield (
                f"{name} may write to {source} of this machine. Mount it read-only, or write it as a path relative to "
                "the Compose file: the demo then gives it a directory of its own"
            )
    if service.get("use_api_socket"):
        yield f"{name} has use_api_socket: it would control the Docker Engine of this machine"


def _shared(name: str, service: Model) -> Iterator[str]:
    for key in ("network_mode", "pid", "ipc", "uts"):
        value = str(service.get(key) or "")
        if value == "host" or value.startswith("container:"):
            yield f"{name} has {key}: {value}, which is not the demo's own"
    for other in service.get("volumes_from") or ():
        if str(other).startswith("container:"):
            yield f"{name} has volumes_from: {other}, which is not the demo's own"
    if service.get("external_links"):
        yield f"{name} has external_links, which lead to containers that are not the demo's own"


def _collisions(name: str, service: Model, around: Surroundings) -> Iterator[str]:
    container = service.get("container_name")
    if container in around.names:
        yield f"{name} has container_name: {container}, and this engine already has a container of that name"
    for port in service.get("ports") or ():
        published = str(port.get("published") or "")
        address = str(port.get("host_ip") or "0.0.0.0")
        if published.isdecimal() and not around.port_is_free(address, int(published)):
            yield f"{name} publishes the port {published}, which another program on this machine uses"


def _volumes(model: Model, running: Collection[str], around: Surroundings) -> Iterator[str]:
    for key, volume in _used(model, running, "volumes"):
        if volume.get("driver_opts") or volume.get("driver", "local") != "local":
            yield (
                f"the volume {key} has a driver or driver_opts, so its data is not the demo's own. For a try, remove "
                "both from a commit of its own and tag that"
            )
        elif not around.owned and _is_others(model, volume):
            yield f"the volume {key} is {_named(volume)}: it may be another project's data on this engine"


def _networks(model: Model, running: Collection[str], around: Surroundings) -> Iterator[str]:
    for key, network in _used(model, running, "networks"):
        if not around.owned and _is_others(model, network):
            yield f"the network {key} is {_named(network)}: containers of other projects on this engine may be in it"


def _used(model: Model, running: Collection[str], kind: str) -> Iterator[tuple[str, Model]]:
    services = [model["services"][name] for name in running if name in model["services"]]
    if kind == "networks":
        keys = {key for service in services for key in service.get("networks") or ()}
    else:
        mounts = (mount for service in services for mount in service.get("volumes") or ())
        keys = {mount.get("source") for mount in mounts if mount.get("type") == "volume"}
    known = model.get(kind) or {}
    return ((key, known[key] or {}) for key in sorted(keys & known.keys()))


def _is_others(model: Model, part: Model) -> bool:
    return bool(part.get("external")) or not str(part.get("name", "")).startswith(str(model["name"]))


def _named(part: Model) -> str:
    return f"`external` ({part.get('name')})" if part.get("external") else f"named {part.get('name')}"


def outside_networks(model: Model, running: Collection[str]) -> list[str]:
    """The names of the `external` networks that the services use."""
    return [str(part["name"]) for _, part in _used(model, running, "networks") if part.get("external")]


def outside_volumes(model: Model, running: Collection[str]) -> list[str]:
    """The names of the `external` volumes that the services use."""
    return [str(part["name"]) for _, part in _used(model, running, "volumes") if part.get("external")]
