"""The instances of a Swarm service: a pure function of what a manager says of it, its tasks and its nodes.

An instance is a slot of a service. The task in it may change: Swarm starts another one, maybe on another node, if the
task ends or its node does not answer. https://docs.docker.com/engine/swarm/how-swarm-mode-works/swarm-task-states/
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from workers.adapters.docker_host.client import REMOVED, moment
from workers.definition.labels import DEFINITION_LABEL, RELEASE_LABEL, SHA_LABEL
from workers.definition.services.roles import ROLLOUT_LABEL
from workers.definition.swarm.spec import (
    CHECKED_LABEL,
    COPIES_LABEL,
    NAMESPACE_LABEL,
    SERVICE_LABEL,
    SLOT_HOST,
    replicas,
    slot_host,
    starts,
)
from workers.definition.swarm.units import NANOSECONDS
from workers.ports import Instance

Attributes = Mapping[str, Any]

ENDED = frozenset({"complete", "shutdown", "failed", "rejected"})
"""The states in which the task's node has reported that its container does not run."""

NOT_YET = frozenset({"new", "allocated", "pending"})
"""No node has the task yet."""

STARTING, RUNNING = "starting", "running"
"""The container runs. A task with a health check is RUNNING only when that has passed."""

READY = "ready"
"""The state of a node that answers."""

INGRESS = "ingress"


def instance_id(service: str, slot: int) -> str:
    """`service`: the id of a Swarm service."""
    return f"{service}.{slot}"


def parted(instance: str) -> tuple[str, int]:
    """The id of the Swarm service, and the slot. An id that is none has the slot 0, which no service has."""
    service, _, slot = instance.rpartition(".")
    return (service, int(slot)) if service and slot.isdecimal() else (instance, 0)


def compose_service(service: Attributes) -> str:
    """The Compose service that it runs; empty if it is of no stack."""
    labels = labels_of(service)
    if SERVICE_LABEL in labels:
        return labels[SERVICE_LABEL]
    prefix = f"{labels.get(NAMESPACE_LABEL, '')}_"
    name = str(service["Spec"]["Name"])
    return name.removeprefix(prefix) if NAMESPACE_LABEL in labels and name.startswith(prefix) else ""


def labels_of(service: Attributes) -> Mapping[str, str]:
    labels: Mapping[str, str] = service["Spec"].get("Labels") or {}
    return labels


def copies(service: Attributes) -> int:
    """How many instances it has, running or not."""
    return int(labels_of(service).get(COPIES_LABEL) or replicas(service["Spec"]) or 1)


def instances_of(service: Attributes, tasks: Sequence[Attributes], nodes: Mapping[str, Attributes]) -> list[Instance]:
    """One for each slot. `tasks`: those of the service. `nodes`: by id."""
    return [_instance(service, slot, tasks, nodes) for slot in range(1, copies(service) + 1)]


def removed(instance: str) -> Instance:
    """An instance that does not exist."""
    return Instance(instance, service="", state=REMOVED)


def may_run(task: Attributes) -> bool:
    """Whether its container may run on a node: it has one, which has not reported its end."""
    return bool(task.get("NodeID")) and task["Status"]["State"] not in ENDED | NOT_YET


def _instance(service: Attributes, slot: int, tasks: Sequence[Attributes], nodes: Mapping[str, Attributes]) -> Instance:
    spec, labels = service["Spec"], labels_of(service)
    container: Attributes = spec["TaskTemplate"]["ContainerSpec"]
    mine = sorted((t for t in tasks if t.get("Slot") == slot), key=lambda task: task["CreatedAt"])
    of_this_start = [task for task in mine if _start_of(task) == starts(spec)]
    now = of_this_start[-1] if of_this_start and replicas(spec) else None
    others = [task for task in mine if task is not now]
    state = _state(spec, now, others, ran=bool(starts(spec)) or SERVICE_LABEL not in labels)
    addresses = _addresses(now) if state == RUNNING and now is not None else {}
    ended = [task for task in mine if task["Status"]["State"] in ENDED]
    own_host = container.get("Hostname") == SLOT_HOST
    name = str(spec["Name"])
    of_all = None if SERVICE_LABEL in labels else name  # `docker stack deploy` gives a copy no name of its own
    host = slot_host(name, slot) if own_host else of_all
    return Instance(
        id=instance_id(service["ID"], slot),
        service=compose_service(service),
        state=state,
        health=_health(labels, now) if state == RUNNING else None,
        restarts=sum(task is not now for task in of_this_start if task["Status"]["State"] in ENDED),
        exit_code=None if state == RUNNING else _exit_code(ended),
        address=next(iter(addresses.values()), None),
        image=container["Image"],
        rollout=labels.get(ROLLOUT_LABEL),
        release=labels.get(RELEASE_LABEL),
        sha=labels.get(SHA_LABEL),
        definition=labels.get(DEFINITION_LABEL),
        names=tuple(sorted(_names(service, host))),
        labels=labels,
        created=moment(service["CreatedAt"]),
        host=host,
        addresses=addresses,
        every_address=tuple(sorted(addresses.values())),
        stop_grace=_seconds(container.get("StopGracePeriod")),
        ports=tuple(_published(service)),
        silent=tuple(sorted(_silent(mine, nodes))),
    )


def _start_of(task: Attributes) -> int:
    return int((task.get("Spec") or {}).get("ForceUpdate") or 0)


def _state(spec: Attributes, now: Attributes | None, others: Sequence[Attributes], *, ran: bool) -> str:
    """In the engine's words for a container. A service without replicas runs until its last container has ended.

    `ran`: it was started before.
    """
    if not replicas(spec):
        if any(map(may_run, others)):
            return RUNNING
        return "exited" if ran else "created"
    found = "" if now is None else now["Status"]["State"]
    if found in {STARTING, RUNNING}:
        return RUNNING
    if found in ENDED or any(task["Status"]["State"] in ENDED for task in others if _start_of(task) == starts(spec)):
        return "restarting"
    return "created"


def _health(labels: Mapping[str, str], now: Attributes | None) -> str | None:
    """The verdict of its own check; None without one. Swarm ends a task that fails it, and starts another."""
    if labels.get(CHECKED_LABEL) != "true":
        return None
    return "healthy" if now is not None and now["Status"]["State"] == RUNNING else "starting"


def _exit_code(ended: Sequence[Attributes]) -> int | None:
    codes = [(task["Status"].get("ContainerStatus") or {}).get("ExitCode") for task in ended]
    return codes[-1] if codes else None


def _addresses(task: Attributes) -> dict[str, str]:
    """Network name → the task's address in it, without the network of published ports."""
    found: dict[str, str] = {}
    for attachment in task.get("NetworksAttachments") or ():
        spec: Attributes = attachment["Network"]["Spec"]
        if not spec.get("Ingress") and spec["Name"] != INGRESS and attachment.get("Addresses"):
            found[str(spec["Name"])] = str(attachment["Addresses"][0]).partition("/")[0]
    return dict(sorted(found.items()))


def _names(service: Attributes, host: str | None) -> Iterator[str]:
    """The names that lead to it, alone or with its other copies."""
    name = str(service["Spec"]["Name"])
    yield from (name, f"tasks.{name}", *([host] if host else []))
    networks: Iterable[Attributes] = service["Spec"]["TaskTemplate"].get("Networks") or ()
    yield from (alias for network in networks for alias in network.get("Aliases") or ())


def _published(service: Attributes) -> Iterator[str]:
    ports: Iterable[Attributes] = (service.get("Endpoint") or {}).get("Ports") or ()
    yield from (f"0.0.0.0:{port['PublishedPort']}" for port in ports if port.get("PublishedPort"))


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / NANOSECONDS


def _silent(tasks: Sequence[Attributes], nodes: Mapping[str, Attributes]) -> set[str]:
    """The nodes that do not answer, and on which a task of the slot may still run."""
    found = {str(task["NodeID"]) for task in tasks if may_run(task)}
    return {_host_name(each, nodes) for each in found if _node_state(nodes.get(each)) != READY}


def _node_state(node: Attributes | None) -> str:
    return str(node["Status"]["State"]) if node is not None else ""


def _host_name(node: str, nodes: Mapping[str, Attributes]) -> str:
    found = nodes.get(node) or {}
    return str((found.get("Description") or {}).get("Hostname") or node)
