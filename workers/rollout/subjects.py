"""What a rollout acts on: its definition, and the instances of its services."""

import asyncio
from collections.abc import Sequence

from app.domain.errors import (
    BakeFailed,
    InternalError,
    NeverHealthy,
)
from app.domain.release_stack import names_of
from app.domain.stack import Follower, RoutedService, Singleton
from workers.ports import Definition, Instance
from workers.rollout.checks import health
from workers.rollout.run import Run


async def instances_of(run: Run, services: list[str], *, rollout: str | None = None) -> list[Instance]:
    found = await asyncio.gather(*(run.ports.engine.find(s, rollout=rollout) for s in services))
    return [instance for instances in found for instance in instances]


async def copies_of(run: Run, service: RoutedService, missing: type[NeverHealthy | BakeFailed]) -> list[Instance]:
    """The copies that this rollout started, all of them. Raises `missing` if one is gone."""
    name, number = service.colors[run.target], run.rollout.copies.get(service.name, 1)
    made = await run.ports.engine.find(name, rollout=run.rollout.id)
    if len(made) < number:
        raise missing(f"of {number} containers of {name}, {len(made)} exist", service=service.name)
    return made


async def found_of(run: Run, uncolored: Singleton | Follower) -> list[Instance]:
    """Its instances, also those of earlier releases that have it under another Compose service.

    One of a release before the live one still runs if the live one failed before its hand-over, and stays.
    """
    services = [*services_of(run, uncolored), *await _kept_services(run, uncolored.name)]
    found = [*await instances_of(run, list(dict.fromkeys(services))), *await run.ports.engine.named(uncolored.name)]
    return list({instance.id: instance for instance in found}.values())


def likely_replaced(run: Run, found: Sequence[Instance]) -> Instance | None:
    """The instance that the rollout has most likely stopped: one that still runs, else the newest of the live release.

    None if `found` is empty.
    """
    live = run.rollout.previous

    def likely(each: Instance) -> tuple[object, ...]:
        mine = (each.rollout == live.rollout_id, each.sha == live.sha) if live else (False, False)
        return not each.gone, mine, each.created or run.rollout.started_at

    return max(found, key=likely, default=None)


def services_of(run: Run, uncolored: Singleton | Follower) -> list[str]:
    """The Compose services that have run it: the release before may have it under another name."""
    names = names_of(run.origin)
    before = [service for service in run.origin.uncolored if names[service] == uncolored.name]
    return list(dict.fromkeys((uncolored.service, *before)))


async def _kept_services(run: Run, name: str) -> list[str]:
    """The services that the kept releases have for it, unless this one has another use for them."""
    now = names_of(run.stack)
    kept = [await run.ports.engine.roles_of(release.sha) for release in run.ports.journal.state.kept]
    found = [service for roles in kept for service, role in roles.items() if role.is_uncolored(name)]
    return [service for service in found if now.get(service, name) == name]


def definition_of(run: Run) -> Definition:
    """The definition that this rollout made; after an interruption, the one on disk."""
    if run.definition is None:
        run.definition = run.ports.engine.defined(sha_of(run))
    return run.definition


def new_color_of(run: Run) -> health.NewColor:
    if run.new_color is None:
        raise InternalError("a step of the new color ran outside its context")
    return run.new_color


def sha_of(run: Run) -> str:
    if run.rollout.sha is None:
        raise InternalError("no tag was fetched")
    return run.rollout.sha
