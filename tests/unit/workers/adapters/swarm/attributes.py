"""What a manager says of services, tasks and nodes, as the engine's API has it (recorded from Docker 20.10)."""

from typing import Any

Attributes = dict[str, Any]

IMAGE = "registry.example.org/team/shop-web-blue@sha256:00"
LABELS = {
    "com.docker.stack.namespace": "shop",
    "updater.compose-service": "web-blue",
    "updater.copies": "2",
    "updater.checked": "true",
    "updater.rollout": "r-1",
    "updater.release": "v1.0.0",
    "updater.sha": "a" * 40,
    "updater.definition": "d",
}


def a_service(replicas: int = 2, starts: int = 1, **change: Any) -> Attributes:
    """`change`: labels."""
    return {
        "ID": "s1",
        "Version": {"Index": 7},
        "CreatedAt": "2026-11-29T00:30:21.100850312Z",
        "Spec": {
            "Name": "shop_web-blue",
            "Labels": {**LABELS, **change},
            "TaskTemplate": {
                "ContainerSpec": {
                    "Image": IMAGE,
                    "Hostname": "{{.Service.Name}}-{{.Task.Slot}}",
                    "StopGracePeriod": 3_000_000_000,
                },
                "Networks": [{"Target": "n1", "Aliases": ["web-blue"]}],
                "ForceUpdate": starts,
            },
            "Mode": {"Replicated": {"Replicas": replicas}},
            "EndpointSpec": {"Mode": "dnsrr"},
        },
        "Endpoint": {"Spec": {}},
    }


def a_task(
    slot: int = 1, state: str = "running", *, node: str = "n1", start: int = 1, after: int = 0, code: int | None = None
) -> Attributes:
    """`after`: seconds after the first one at which it was made. `code`: the exit code of its container."""
    status: Attributes = {"State": state}
    if code is not None:
        status["ContainerStatus"] = {"ContainerID": "c", "ExitCode": code}
    return {
        "ID": f"t{slot}{after}",
        "CreatedAt": f"2026-11-29T00:31:{after:02}.100850312Z",
        "Spec": {"ForceUpdate": start},
        "ServiceID": "s1",
        "Slot": slot,
        "NodeID": node,
        "DesiredState": "running",
        "Status": status,
        "NetworksAttachments": [
            attached("ingress", "10.0.0.5/24", Ingress=True),
            attached("shop_back", f"10.0.1.{slot}/24"),
        ],
    }


def attached(network: str, address: str, **spec: Any) -> Attributes:
    return {"Network": {"ID": network, "Spec": {"Name": network, **spec}}, "Addresses": [address]}


def a_node(id_: str, state: str = "ready") -> Attributes:
    return {"ID": id_, "Description": {"Hostname": f"host-{id_}"}, "Status": {"State": state}}


NODES = {each: a_node(each) for each in ("n1", "n2")}
