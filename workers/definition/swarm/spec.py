"""The spec of a Swarm service, made from a service of a release's Compose model: at rest, started and stopped."""

import copy
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from workers.definition.services.copies import copies_of
from workers.definition.swarm.container import container_spec, has_check
from workers.definition.swarm.task import attachments, log_driver, placement, ports, resources, restart_policy
from workers.definition.swarm.units import NANOSECONDS, nanoseconds

Model = Mapping[str, Any]
Spec = dict[str, Any]

NAMESPACE_LABEL = "com.docker.stack.namespace"
"""By which `docker stack services` and `docker stack ps` find a stack's services."""

SERVICE_LABEL = "updater.compose-service"
COPIES_LABEL = "updater.copies"
PORTS_LABEL = "updater.ports"
CHECKED_LABEL = "updater.checked"
"""Whether the service's tasks have a health check, their own or the image's."""

UPDATERS = "updater."

SLOT_HOST = "{{.Service.Name}}-{{.Task.Slot}}"
"""The host name of a task: the engine's name server leads it to the present task in that slot, on whatever node.

https://docs.docker.com/reference/cli/docker/service/create/#create-services-using-templates
"""

LONGEST_NAME = 63
_NAME = re.compile(r"[A-Za-z0-9](?:[-_]*[A-Za-z0-9]+)*")
"""What Swarm takes as a service's name. https://github.com/moby/swarmkit/blob/master/manager/controlapi/common.go"""

_ID_LENGTH = 6


def color_name(project: str, service: str) -> str:
    """The name of a color's Swarm service: the color keeps it for all releases."""
    return f"{project}_{service}"


def rollout_name(project: str, service: str, rollout: str) -> str:
    """The name of the Swarm service that a rollout makes of a singleton or follower, beside that of the one before."""
    digest = hashlib.sha256(rollout.encode()).hexdigest()
    return f"{project}_{service}-{digest[:_ID_LENGTH]}"


def is_a_name(name: str) -> bool:
    """Whether Swarm takes it as a service's name."""
    return len(name) <= LONGEST_NAME and _NAME.fullmatch(name) is not None


def slot_host(name: str, slot: int) -> str | None:
    """The host name of the copy in `slot` of the Swarm service `name`; None if it would be too long for one."""
    host = f"{name}-{slot}"
    return host if len(host) <= LONGEST_NAME else None


def service_spec(
    model: Model, service: str, name: str, *, image: Model, files: Model, grace: float, node: str | None = None
) -> Spec:
    """The spec of the Swarm service `name` for `service` of a transformed model, at rest: no task runs.

    `image`: the configuration of its image. `files`: its configs and secrets, made by `references`. `grace`: seconds to
    stop in, if the model has none. `node`: the hostname of the only node that may run it.
    """
    written: Model = model["services"][service]
    copies, container = copies_of(written), container_spec(model, written)
    if "hostname" in written:
        container["Hostname"] = written["hostname"]
    elif slot_host(name, copies) is not None:
        container["Hostname"] = SLOT_HOST
    stop = written.get("stop_grace_period")
    container["StopGracePeriod"] = nanoseconds(stop) if stop else round(grace * NANOSECONDS)
    container |= files
    deploy: Model = written.get("deploy") or {}
    labels = {key: value for key, value in (written.get("labels") or {}).items() if key.startswith(UPDATERS)}
    task: Spec = {
        "ContainerSpec": container,
        "RestartPolicy": restart_policy(written),
        "Placement": placement(written, node),
        "Resources": resources(written),
        "Networks": attachments(model, service),
        "LogDriver": log_driver(written),
        "ForceUpdate": 0,
    }
    return {
        "Name": name,
        "Labels": {
            **(deploy.get("labels") or {}),
            **labels,
            NAMESPACE_LABEL: model["name"],
            SERVICE_LABEL: service,
            COPIES_LABEL: str(copies),
            PORTS_LABEL: json.dumps(ports(written)),
            CHECKED_LABEL: str(has_check(container, image)).lower(),
        },
        "TaskTemplate": {key: value for key, value in task.items() if value is not None},
        "Mode": {"Replicated": {"Replicas": 0}},
        "EndpointSpec": {"Mode": deploy.get("endpoint_mode") or "vip"},
    }


def started(spec: Spec, since: int = 0) -> Spec:
    """The spec with all its copies running.

    `since`: the number of starts before it. Each start has a number, `ForceUpdate`, which its tasks have too: so tasks
    of an earlier start do not count.
    """
    result = copy.deepcopy(spec)
    labels = result["Labels"]
    result["Mode"] = {"Replicated": {"Replicas": int(labels.get(COPIES_LABEL, "1"))}}
    result["TaskTemplate"]["ForceUpdate"] = max(since, starts(spec)) + 1
    result["EndpointSpec"] = {**result.get("EndpointSpec", {}), "Ports": json.loads(labels.get(PORTS_LABEL, "[]"))}
    return result


def stopped(spec: Spec) -> Spec:
    """The spec without a task. It gives its published ports back, so that another service can have them.

    One that the updater did not make gets the labels by which it can be started again as it was.
    """
    result = copy.deepcopy(spec)
    endpoint: Spec = result.get("EndpointSpec") or {}
    if copies := replicas(spec):
        as_it_was = {COPIES_LABEL: str(copies), PORTS_LABEL: json.dumps(endpoint.get("Ports") or [])}
        result["Labels"] = {**as_it_was, **(result.get("Labels") or {})}
    result["Mode"] = {"Replicated": {"Replicas": 0}}
    result["EndpointSpec"] = {key: value for key, value in endpoint.items() if key != "Ports"}
    return result


def starts(spec: Model) -> int:
    """How often the service was started."""
    return int((spec.get("TaskTemplate") or {}).get("ForceUpdate") or 0)


def replicas(spec: Model) -> int:
    return int(((spec.get("Mode") or {}).get("Replicated") or {}).get("Replicas") or 0)
