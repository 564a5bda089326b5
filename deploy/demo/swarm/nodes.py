"""What the swarm says about its nodes."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from deploy.demo.clients import Json
from deploy.demo.docker.engine import connected

LOST_SECONDS, POLL_SECONDS = 120.0, 0.2
"""Swarm calls a node lost after 13 to 15 s."""


def node_rows(nodes: Iterable[Mapping[str, Any]], tasks: Iterable[Mapping[str, Any]]) -> list[Json]:
    """One row for each node, by name: `name`, `role`, `state`, and `tasks`, how many of its tasks run.

    `nodes`, `tasks`: as Docker's API returns them.
    """
    running = Counter(str(task.get("NodeID")) for task in tasks if _runs(task))
    rows = [
        {
            "name": str(node["Description"]["Hostname"]),
            "role": str(node["Spec"]["Role"]),
            "state": str(node["Status"]["State"]),
            "tasks": running[str(node["ID"])],
        }
        for node in nodes
    ]
    return sorted(rows, key=lambda row: str(row["name"]))


def running_tasks(tasks: Iterable[Mapping[str, Any]]) -> int:
    """How many of these tasks run, on a node that answers."""
    return sum(_runs(task) for task in tasks)


def _runs(task: Mapping[str, Any]) -> bool:
    """Of a lost node, Swarm still calls the tasks running, but it no longer wants them."""
    return bool(task.get("DesiredState") == task["Status"]["State"] == "running")


def nodes_of(host: str) -> list[Json]:
    """The rows of the swarm whose manager's engine is at `host`."""
    with connected(host) as client:
        return node_rows(client.api.nodes(), client.api.tasks())  # type: ignore[no-untyped-call]


def tasks_of(host: str, service: str) -> int:
    """How many tasks of the Swarm service run."""
    with connected(host) as client:
        return running_tasks(client.api.tasks(filters={"service": service}))  # type: ignore[no-untyped-call]


async def until_lost(host: str, name: str) -> list[Json]:
    """Waits until the manager calls the node `name` down, for at most LOST_SECONDS. Returns the rows."""
    deadline = time.monotonic() + LOST_SECONDS
    while True:
        rows = await asyncio.to_thread(nodes_of, host)
        if {row["name"]: row["state"] for row in rows}.get(name) == "down" or time.monotonic() > deadline:
            return rows
        await asyncio.sleep(POLL_SECONDS)
