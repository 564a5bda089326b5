"""Where and how the tasks of a service run, in the words of the engine's API."""

from collections.abc import Mapping
from typing import Any

from workers.definition.networks import listed_networks
from workers.definition.swarm.units import nano_cpus, nanoseconds, size
from workers.redaction.encodings import undoubled

Model = Mapping[str, Any]
Service = Mapping[str, Any]
Part = dict[str, Any]

NONE, ON_FAILURE, ANY = "none", "on-failure", "any"

_CONDITIONS = {"no": NONE, "none": NONE, "on-failure": ON_FAILURE}
"""Compose's words. All others (`always`, `unless-stopped`, `any`) are ANY: Swarm stops what has no replica."""


def restart_policy(service: Service) -> Part:
    """When Swarm starts a task again. Default: always, as `docker stack deploy` has it."""
    deploy: Model = (service.get("deploy") or {}).get("restart_policy") or {}
    word, _, attempts = str(service.get("restart") or "").partition(":")
    policy: Part = {"Condition": _CONDITIONS.get(str(deploy.get("condition") or word), ANY)}
    times = {"Delay": "delay", "Window": "window"}
    policy |= {key: nanoseconds(deploy[written]) for key, written in times.items() if deploy.get(written)}
    if most := deploy.get("max_attempts") or attempts:
        policy["MaxAttempts"] = int(most)
    return policy


def placement(service: Service, node: str | None) -> Part:
    """`node`: the hostname of the only node that may run it; None: the service's own constraints decide."""
    written: Model = (service.get("deploy") or {}).get("placement") or {}
    constraints = [undoubled(each) for each in written.get("constraints") or ()]
    found: Part = {
        "Constraints": [*constraints, *([f"node.hostname=={node}"] if node else [])],
        "Preferences": [{"Spread": {"SpreadDescriptor": each["spread"]}} for each in written.get("preferences") or ()],
        "MaxReplicas": written.get("max_replicas_per_node"),
        "Platforms": _platforms(service.get("platform")),
    }
    return {key: value for key, value in found.items() if value}


def resources(service: Service) -> Part:
    """What its tasks may use, and what a node must have free for each."""
    deploy: Model = (service.get("deploy") or {}).get("resources") or {}
    limits, reserved = dict(deploy.get("limits") or {}), dict(deploy.get("reservations") or {})
    own = {"memory": "mem_limit", "cpus": "cpus", "pids": "pids_limit"}
    limits = {**{key: service[written] for key, written in own.items() if service.get(written)}, **limits}
    if service.get("mem_reservation"):
        reserved.setdefault("memory", service["mem_reservation"])
    found = {"Limits": _amounts(limits), "Reservations": _amounts(reserved)}
    return {key: value for key, value in found.items() if value}


def log_driver(service: Service) -> Part | None:
    logging: Model = service.get("logging") or {}
    if not logging.get("driver"):
        return None
    options = {key: undoubled(str(value)) for key, value in (logging.get("options") or {}).items()}
    return {"Name": logging["driver"], **({"Options": options} if options else {})}


def attachments(model: Model, name: str) -> list[Part]:
    """Its networks. Other services reach it there by the name of its Compose service and by its aliases."""
    networks: Mapping[str, Model | None] = model["services"][name].get("networks") or {}
    return [
        _attachment(network, name, settings or {})
        for network, settings in zip(listed_networks(model, name), networks.values(), strict=True)
    ]


def ports(service: Service) -> list[Part]:
    """The ports that it publishes. https://docs.docker.com/reference/api/engine/ (EndpointPortConfig)"""
    return [_port(port) for port in service.get("ports") or ()]


def _port(port: Model) -> Part:
    published = {"PublishedPort": int(port["published"])} if port.get("published") else {}
    return {
        "Protocol": port.get("protocol") or "tcp",
        "TargetPort": int(port["target"]),
        "PublishMode": port.get("mode") or "ingress",
        **published,
    }


def _attachment(network: str, name: str, settings: Model) -> Part:
    aliases = list(dict.fromkeys([name, *settings.get("aliases", ())]))
    options = settings.get("driver_opts")
    return {"Target": network, "Aliases": aliases, **({"DriverOpts": dict(options)} if options else {})}


def _platforms(platform: str | None) -> list[Part]:
    if not platform:
        return []
    system, _, architecture = platform.partition("/")
    return [{"OS": system, "Architecture": architecture.partition("/")[0]}]


def _amounts(written: Model) -> Part:
    found: Part = {}
    if written.get("cpus"):
        found["NanoCPUs"] = nano_cpus(written["cpus"])
    if written.get("memory"):
        found["MemoryBytes"] = size(written["memory"])
    if written.get("pids"):
        found["Pids"] = int(written["pids"])
    return found
