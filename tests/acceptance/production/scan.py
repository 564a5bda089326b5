"""Checks of the running stack from the host: listening processes, users, reachable ports, readable secrets."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from docker.models.containers import Container

from tests.acceptance.production.site import Site

LISTEN = "0A"
"""State of a listening socket in /proc/net/tcp: include/net/tcp_states.h of Linux."""

ROOT_UID = "0"
REACH = """
import socket
for name, port in {targets!r}:
    try:
        socket.create_connection((name, port), 2).close()
        print(name)
    except OSError:
        pass
"""


def listens(container: Container) -> bool:
    """Whether a process in the container listens on a port; ignores Docker's DNS on 127.0.0.11."""
    pid = int(container.attrs["State"]["Pid"])
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return any(row[3] == LISTEN and not row[1].startswith("0B00007F") for row in rows)


def root_processes(container: Container) -> list[str]:
    """The command lines of the container's root processes."""
    found = container.top(ps_args="-eo pid,uid,args")["Processes"] or []
    return [command for _, uid, command in found if uid == ROOT_UID]


def reached(site: Site, service: str, targets: list[tuple[str, int]]) -> set[str]:
    """Those of `targets` that the service's container can connect to. The container must have Python."""
    return set(site.inside(service, "python3", "-c", REACH.format(targets=targets)).split())


ASK = """
import http.client
for method, path in {calls!r}:
    connection = http.client.HTTPConnection({host!r}, {port}, timeout=10)
    connection.request(method, path)
    print(connection.getresponse().status)
"""


def answers(site: Site, service: str, host: str, port: int, calls: list[tuple[str, str]]) -> list[int]:
    """The HTTP status of each of `calls` (method, path), sent from the service's container."""
    words = ASK.format(calls=calls, host=host, port=port)
    return [int(status) for status in site.inside(service, "python3", "-c", words).split()]


def memory(container: Container) -> int:
    """Used bytes without the memory that the kernel can free at once, like `docker stats`."""
    stats = container.stats(stream=False)["memory_stats"]  # type: ignore[index]  # not streamed: one answer
    details = stats["stats"]
    return int(stats["usage"]) - int(details.get("total_inactive_file", details.get("inactive_file", 0)))


def cold_start(container: Container, event: str) -> float:
    """Seconds from the container's start to the log line of `event`."""
    started = datetime.fromisoformat(container.attrs["State"]["StartedAt"][:26].rstrip("Z") + "+00:00")
    lines = container.logs(since=started).decode().splitlines()
    events = (json.loads(line) for line in lines if line.startswith("{"))
    up = next(line["timestamp"] for line in events if line["event"] == event)
    return (datetime.fromisoformat(up) - started).total_seconds()


def has_socket(container: Container) -> bool:
    """Whether the container mounts the engine's socket, or a directory that contains it."""
    return any(
        mount["Destination"].endswith("docker.sock") or mount.get("Source") in {"/", "/run", "/var/run"}
        for mount in container.attrs["Mounts"]
    )


def published(container: Container) -> list[str]:
    """The published ports, each as `address:port` on the host."""
    bindings = [b for each in container.attrs["NetworkSettings"]["Ports"].values() for b in each or ()]
    return [f"{b['HostIp']}:{b['HostPort']}" for b in bindings]


def own_images(site: Site) -> list[str]:
    """The names of the updater's image and the images of the releases; ignores other images on the engine."""
    tags = [tag for image in site.client.api.images() for tag in image["RepoTags"] or ()]
    return [tag for tag in tags if tag.startswith((site.project, "zetherion-updater:"))]


def readable(site: Site) -> Iterator[tuple[str, str]]:
    """Yields (place, text) for everything that a reader of images, containers and logs can see."""
    for container in site.all_containers():
        yield f"docker inspect {container.name}", json.dumps(container.attrs)
        yield f"the log of {container.name}", container.logs().decode("utf-8", "replace")
    for tag in own_images(site):
        image = site.client.images.get(tag)
        yield f"the image {tag}", json.dumps(image.attrs)
        yield f"the history of {tag}", json.dumps(image.history())
    for log in (site.data / "logs").glob("*"):
        yield str(log), log.read_text()
