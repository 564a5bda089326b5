"""What Swarm cannot do as a release says: it refuses the release, or is left out with a warning. Pure functions."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.domain.stack import EngineKind, Singleton, Stack
from workers.definition.swarm.mounts import BIND, TMPFS, VOLUME, volumes_of
from workers.definition.swarm.spec import is_a_name, rollout_name

Model = Mapping[str, Any]
Service = Mapping[str, Any]

DONE = frozenset(
    {
        *("cap_add", "cap_drop", "command", "configs", "cpus", "deploy", "dns", "dns_opt", "dns_search", "entrypoint"),
        *("environment", "extra_hosts", "group_add", "healthcheck", "hostname", "image", "init", "labels", "logging"),
        *("mem_limit", "mem_reservation", "networks", "pids_limit", "platform", "ports", "read_only", "restart"),
        *("scale", "secrets", "stdin_open", "stop_grace_period", "stop_signal", "sysctls", "tmpfs", "tty", "ulimits"),
        *("user", "volumes", "working_dir"),
    }
)
"""The keys that `service_spec` translates."""

WITHOUT_EFFECT = frozenset(
    {"attach", "build", "container_name", "depends_on", "develop", "env_file", "expose", "profiles", "pull_policy"}
)
"""Keys that change nothing in how a task runs, or that Compose or the updater has obeyed by then.

A container_name becomes an alias, or is left out of a color. Health takes the place of depends_on.
"""

REMEDIES = {
    "privileged": "Let an operator run that part outside the stack",
    "devices": "Give the node a label, and run that part there outside the stack",
    "network_mode": "Put it into a network of the file",
    "shm_size": "Write {type: tmpfs, target: /dev/shm, tmpfs: {size: …}} below volumes",
    "security_opt": "Set it as the default of the nodes' engines",
    "links": "Call the other service by its name in a common network",
    "external_links": "Call the other service by its name in a common network",
    "volumes_from": "Write the volumes themselves",
}
REMOVE = "Remove it, or write what Swarm has for it below deploy"

_KINDS = {BIND, VOLUME, TMPFS}
_NETWORK_KEYS = {"aliases", "driver_opts", "priority", "gw_priority"}
_MODE = "replicated"


def unsupported(model: Model, stack: Stack, own: tuple[str, ...] = ()) -> Iterator[str]:
    """What refuses a release, and what to write instead: only of services that the updater moves.

    `model`: the output of `compose config`. `own`: directories whose files only the worker's own node has. Nothing of a
    stack on one host.
    """
    if stack.engine is not EngineKind.SWARM:
        return
    services: Mapping[str, Service] = model.get("services") or {}
    for name in (name for name in stack.written_services() if name in services):
        yield from (f"{name}: {problem}" for problem in _of(model, name, stack, own))
    for single in (single for single in stack.singletons if single.node is None and single.service in services):
        yield from _unpinned(model, single)


def warnings(model: Model, stack: Stack) -> Iterator[str]:
    """What works otherwise than on one host, for a stack in a swarm."""
    if stack.engine is not EngineKind.SWARM:
        return
    services: Mapping[str, Service] = model.get("services") or {}
    lasting = [name for name in stack.written_services() if name in services and name not in stack.jobs]
    pinned = {single.service for single in stack.singletons if single.node is not None}
    for name in lasting:
        binds = [v["source"] for v in services[name].get("volumes") or () if v.get("type") == BIND]
        if binds and name not in pinned:
            yield f"{name} mounts {', '.join(binds)}: each node that may run it needs them at that path"
        if name not in {single.service for single in stack.singletons} and (local := _local(model, services[name])):
            yield f"{name} uses the volume {', '.join(local)}: each node has its own, with other content"


def _of(model: Model, name: str, stack: Stack, own: tuple[str, ...]) -> Iterator[str]:
    service: Service = model["services"][name]
    for key in sorted(key for key, value in service.items() if value and not key.startswith("x-")):
        if key not in DONE | WITHOUT_EFFECT:
            yield f"Swarm has no {key}. {REMEDIES.get(key, REMOVE)}"
    if not is_a_name(rollout_name(stack.project, f"{name}-green", "")):
        yield (
            "Swarm takes no service of that name: with the project's and the color's, it may have 63 letters, digits, "
            "- and _, and must end with a letter or digit. Rename it"
        )
    mode = (service.get("deploy") or {}).get("mode") or _MODE
    if mode == "global":
        yield f"deploy/mode is {mode}, but the updater counts copies. Write replicas, and max_replicas_per_node: 1"
    yield from _networks(model, service)
    yield from _mounts(service, own)
    if addressed := [str(port.get("published")) for port in service.get("ports") or () if port.get("host_ip")]:
        yield f"Swarm publishes a port at every address of a node. Remove the address before {', '.join(addressed)}"


def _networks(model: Model, service: Service) -> Iterator[str]:
    for key, settings in (service.get("networks") or {}).items():
        if fixed := sorted(set(settings or {}) - _NETWORK_KEYS):
            yield f"Swarm cannot fix networks/{key}/{', '.join(fixed)}. Remove it, and use names"
        driver = ((model.get("networks") or {}).get(key) or {}).get("driver")
        if driver not in (None, "", "overlay"):
            yield f"the network {key} has the driver {driver}, which is on one host only. Write driver: overlay"


def _mounts(service: Service, own: tuple[str, ...]) -> Iterator[str]:
    for volume in service.get("volumes") or ():
        kind, source = volume.get("type"), str(volume.get("source") or "")
        if kind not in _KINDS:
            yield f"Swarm mounts no {kind} at {volume.get('target')}. Use a volume, a config or a secret"
        elif kind == BIND and any(source == root or source.startswith(f"{root}/") for root in own):
            yield (
                f"{source} is a file of the release, which only the worker's node has. Write it as a config, or copy "
                "it into the image"
            )
        elif kind == VOLUME and (volume.get("volume") or {}).get("subpath"):
            yield f"Swarm mounts no subpath of {source}. Mount the whole volume"


def _unpinned(model: Model, single: Singleton) -> Iterator[str]:
    """On another node, a singleton would begin with an empty volume."""
    service: Service = model["services"][single.service]
    constraints = ((service.get("deploy") or {}).get("placement") or {}).get("constraints")
    if not constraints and (local := _local(model, service)):
        yield (
            f"{single.service}: each node has its own volume {', '.join(local)}, so on another node it would be empty. "
            f"Write singletons/{single.name}/node in the stack file, or a driver for the volume that all nodes share"
        )


def _local(model: Model, service: Service) -> list[str]:
    """The volumes that each node has for itself."""
    found = dict(volumes_of(model, service))
    return [key for key, defined in found.items() if not defined.get("driver_opts") and _is_local(defined)]


def _is_local(defined: Model) -> bool:
    return defined.get("driver") in (None, "", "local") and not defined.get("external")
