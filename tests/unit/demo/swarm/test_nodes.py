"""The rows of the nodes, from what Docker's API returns."""

from typing import Any

from deploy.demo.swarm.nodes import node_rows, running_tasks


def node(name: str, role: str, state: str) -> dict[str, Any]:
    return {
        "ID": f"id-{name}",
        "Spec": {"Role": role},
        "Description": {"Hostname": name},
        "Status": {"State": state},
    }


def task(name: str, wanted: str = "running", state: str = "running") -> dict[str, Any]:
    return {"NodeID": f"id-{name}", "DesiredState": wanted, "Status": {"State": state}}


NODES = [node("node2", "worker", "down"), node("node1", "manager", "ready")]
LEFT = task("node2", wanted="shutdown")
PENDING = {"DesiredState": "running", "Status": {"State": "pending"}}
STARTING = task("node1", state="starting")


def test_rows_are_by_name_and_count_running_tasks() -> None:
    assert node_rows(NODES, [task("node1"), task("node1"), STARTING, PENDING, LEFT]) == [
        {"name": "node1", "role": "manager", "state": "ready", "tasks": 2},
        {"name": "node2", "role": "worker", "state": "down", "tasks": 0},
    ]


def test_task_that_swarm_no_longer_wants_does_not_run() -> None:
    assert running_tasks([task("node1"), LEFT, PENDING]) == 1
