"""Finds what remains of services that no rollout moves any more, with a remedy for each. Pure functions."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from app.domain.engine_commands import commands_of
from app.domain.findings import Check, Verdict
from app.domain.stack import Stack
from workers.ports import Survey

RUNS = frozenset({"running", "restarting", "paused"})


@dataclass(frozen=True)
class Leftover:
    """What was `found` of a retired service, and the `remedies` in the same order."""

    service: str
    found: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


def leftovers(stack: Stack, seen: Survey) -> list[Leftover]:
    """Returns one Leftover per retired service, even if nothing is left of it."""
    return [_leftover(service, stack, seen) for service in stack.retired]


def beside_colors(stack: Stack, seen: Survey) -> Iterator[Check]:
    """A check for each container of a service that colors are made from, if it runs beside them: by an old command."""
    for container in seen.containers:
        if container.service in stack.singles() and container.state in RUNS and not container.counts_as:
            name = shlex.quote(container.name)
            yield Check(
                f"single_{container.service}",
                Verdict.WARNING,
                f"{container.name} runs beside the colors that are made from {container.service}, and no release "
                "replaces it",
                f"If no client uses a port of it, stop and remove it: {commands_of(stack).remove(name)}. Let "
                f"`docker compose` in {stack.directory} use the live release.",
            )


def _leftover(service: str, stack: Stack, seen: Survey) -> Leftover:
    findings = [*_running(service, stack, seen), *_by_hand(service, stack, seen), *_released(service, seen)]
    return Leftover(service, tuple(found for found, _ in findings), tuple(remedy for _, remedy in findings))


def _running(service: str, stack: Stack, seen: Survey) -> Iterator[tuple[str, str]]:
    for container in seen.containers:
        if container.service == service and container.state in RUNS:
            name = shlex.quote(container.name)
            yield (
                f"{service} is retired, but its container {container.name} runs",
                f"Stop and remove it: {commands_of(stack).remove(name)}",
            )


def _by_hand(service: str, stack: Stack, seen: Survey) -> Iterator[tuple[str, str]]:
    if service in (seen.by_hand or {}):
        yield (
            f"a plain `docker compose up` in {stack.directory} would start {service}",
            f"Delete it from that Compose file, or set COMPOSE_FILE in {stack.directory}/.env to the live definition.",
        )


def _released(service: str, seen: Survey) -> Iterator[tuple[str, str]]:
    if service in seen.retired:
        yield (
            f"the live release's Compose file still has {service}, which the updater leaves out",
            "Delete it from the file in your next release.",
        )
