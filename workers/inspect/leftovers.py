"""What remains of retired services, and what to do about it. Pure."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from app.domain.stack import Stack
from workers.ports import Survey

RUNS = frozenset({"running", "restarting", "paused"})


@dataclass(frozen=True)
class Leftover:
    """A retired service: each thing that was `found` of it, and in the same order what to do."""

    service: str
    found: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


def leftovers(stack: Stack, seen: Survey) -> list[Leftover]:
    """One for each retired service, also for one of which nothing is left."""
    return [_leftover(service, stack, seen) for service in stack.retired]


def _leftover(service: str, stack: Stack, seen: Survey) -> Leftover:
    findings = [*_running(service, seen), *_by_hand(service, stack, seen), *_released(service, seen)]
    return Leftover(service, tuple(found for found, _ in findings), tuple(remedy for _, remedy in findings))


def _running(service: str, seen: Survey) -> Iterator[tuple[str, str]]:
    for container in seen.containers:
        if container.service == service and container.state in RUNS:
            name = shlex.quote(container.name)
            yield (
                f"{service} is retired, and its container {container.name} runs",
                f"Stop and remove it: docker stop {name} && docker rm {name}",
            )


def _by_hand(service: str, stack: Stack, seen: Survey) -> Iterator[tuple[str, str]]:
    if service in (seen.by_hand or {}):
        yield (
            f"a plain `docker compose up` in {stack.directory} would start {service}",
            f"Delete it from the Compose file there, or set COMPOSE_FILE in {stack.directory}/.env to what is live.",
        )


def _released(service: str, seen: Survey) -> Iterator[tuple[str, str]]:
    if service in seen.retired:
        yield (
            f"the live release's Compose file still has {service}, which the updater leaves out",
            "Delete it from that file in your next release.",
        )
