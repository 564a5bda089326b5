"""Steps that start, check and stop the colors."""

from collections import Counter

from app.domain.errors import AdoptionRefused, NeverHealthy
from app.domain.release_stack import lacking, names_of
from app.domain.stack import RoutedService
from workers.adoption import adopt
from workers.ports import Instance
from workers.rollout.checks import health
from workers.rollout.run import Run
from workers.rollout.step import Evidence
from workers.rollout.stopping import stop_all
from workers.rollout.subjects import copies_of, instances_of, new_color_of


async def _nothing_was_started(run: Run) -> None:
    """Raises AdoptionRefused if the stack was started during a first release, which takes long to build."""
    if run.rollout.origin is not None:
        return
    if others := await adopt.started_beside(run.stack, run.ports, run.rollout.id):
        raise AdoptionRefused(f"{', '.join(others)} started during the rollout: apply the tag again")


async def start(run: Run, service: RoutedService) -> Evidence:
    """Starts the idle color's copies of `service`."""
    await _nothing_was_started(run)
    copies = await new_color_of(run).start(service)
    await run.record(lambda r: r.started(service.name, len(copies)))
    restarts = sum(copy.restarts for copy in copies)
    return {"copies": len(copies), "instances": [copy.id for copy in copies], "restarts": restarts}


async def check_again(run: Run) -> Evidence:
    """Checks after an interruption that the new color is healthy directly. Later steps check the route."""
    for service in run.stack.routed:
        await health.wait_all_healthy(run, service, await copies_of(run, service, NeverHealthy))
    return {"resumed": run.rollout.resumed}


async def check_direct(run: Run, service: RoutedService) -> Evidence:
    """Checks that each copy of the idle color is healthy at its own address."""
    evidence = await new_color_of(run).healthy(service)
    await _nothing_was_started(run)
    return evidence


async def stop_old_color(run: Run) -> Evidence:
    """Drains the old color, then stops it with a grace period. Keeps it stopped for the next rollback.

    A rollback also stops the singletons and followers that only the release before it has.
    """
    if run.rollout.origin is None:
        return {"skipped": "nothing was live before"}
    clock, times = run.ports.clock, run.stack.times
    if run.flipped_at is not None:
        await clock.sleep(max(0.0, run.flipped_at + times.drain - clock.monotonic()))
    lacks, names = lacking(run.origin, run.stack), names_of(run.origin)
    left = [service for service in run.origin.uncolored if names[service] in lacks]
    old = await instances_of(run, [*(s.colors[run.rollout.origin] for s in run.origin.routed), *left])
    stopped = await stop_all(run.stack, run.ports, [i for i in old if i.rollout != run.rollout.id])
    return _ended(stopped)


async def discard_new_color(run: Run) -> Evidence:
    """Before the flip: removes what this rollout created, and touches nothing else.

    Copies of an earlier attempt drain first: until the preflight, Traefik may have led to them.
    """
    await run.ports.engine.sweep()
    made = await _made(run)
    if any(i.running and i.created is not None and i.created < run.rollout.started_at for i in made):
        await run.ports.clock.sleep(run.stack.times.drain)
    await stop_all(run.stack, run.ports, made)
    for instance in made:
        await run.ports.engine.remove(instance.id)
    return {"removed": len(made)}


async def stop_new_color(run: Run) -> Evidence:
    """Drains the new color, then stops it and keeps it for inspection."""
    await run.ports.clock.sleep(run.stack.times.drain)
    stopped = await stop_all(run.stack, run.ports, await _made(run))
    return _ended(stopped)


def _ended(stopped: list[Instance]) -> Evidence:
    """How each ended: by its service, or by the name of its container if the service has several copies."""
    several = {service for service, number in Counter(i.service for i in stopped).items() if number > 1}
    codes = {health.copy_name(i) if i.service in several else i.service: i.exit_code for i in stopped}
    return {"exit_codes": codes}


async def _made(run: Run) -> list[Instance]:
    return await instances_of(run, list(run.stack.services(run.target)), rollout=run.rollout.id)
