"""The action of each step. It returns the evidence that the step is done."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from app.domain.errors import (
    AdoptionRefused,
    BakeFailed,
    InternalError,
    NeverHealthy,
    OperatorRollback,
    RouteNotConfirmed,
    SingletonNeverReady,
    SingletonNotGone,
    UpdaterError,
)
from app.domain.release_stack import lacking, names_of
from app.domain.rollout import RolloutStatus, route_id_back
from app.domain.stack import Follower, RoutedService, Singleton
from app.domain.step import StepId, StepKind
from workers.adoption import adopt, drift
from workers.ports import Comparison, Definition, Instance, Origin, Stamp
from workers.rollout import (
    client_traffic,
    health,
    one_version,
    readiness,
)
from workers.rollout.bake import Bake
from workers.rollout.reach import refuse_unreached
from workers.rollout.run import Run
from workers.rollout.stopping import stop_all
from workers.routing.copies import find_hosts

Evidence = dict[str, Any]
WITHOUT = (
    "they have no route while that release is live, and their containers are stopped after the bake. The next release "
    "that has them starts them again."
)


async def _nothing_was_started(run: Run) -> None:
    """Raises AdoptionRefused if the stack was started during a first release, which takes long to build."""
    if run.rollout.origin is not None:
        return
    if others := await adopt.started_beside(run.stack, run.ports, run.rollout.id):
        raise AdoptionRefused(f"{', '.join(others)} started during the rollout: apply the tag again")


async def recall(run: Run) -> Evidence:
    """Brings back a kept release with its own definition and images. Fetches and builds nothing.

    With `current_env`, the definition is made again, with today's values, from the kept files of the release.
    Every rollback counts as forced, so force does not help against a Traefik that would not reach the release.
    """
    release, sha = run.rollout.release, str(run.rollout.release.recall)
    await run.record(lambda r: r.resolved(sha))
    if lacks := lacking(run.origin, run.stack):
        text = f"{release.tag} lacks {', '.join(lacks)}: {WITHOUT}"
        await run.record(lambda r: r.warn(text))
    stamp = Stamp(release.tag, sha, release.rollout_id)
    tree = await run.ports.source.checkout(sha) if release.current_env else None
    run.definition = await run.ports.engine.recall(stamp, run.stack.services(run.target), tree)
    await refuse_unreached(run, await run.ports.engine.unreached(run.definition), force=False)
    return {"sha": sha, "current_env": release.current_env}


async def fetch(run: Run) -> Evidence:
    """Fetches the tag into the updater's own mirror and resolves it to a commit."""
    sha = await run.ports.source.fetch(run.rollout.release.tag)
    await run.record(lambda r: r.resolved(sha))
    return {"sha": sha}


async def checkout(run: Run) -> Evidence:
    """Checks out a separate worktree and writes the definition of how its services run."""
    release, sha = run.rollout.release, sha_of(run)
    tree, stamp = await run.ports.source.checkout(sha, release.tag), Stamp(release.tag, sha, release.rollout_id)
    compared = await _compare(run, tree, stamp)
    await refuse_unreached(run, compared.unreached, force=release.force)
    run.definition = await run.ports.engine.define(tree, stamp)
    one_version.same(compared.sources, run.definition.sources)
    one_way = await run.ports.engine.one_way(sha)
    await run.record(lambda r: r.declared(one_way=one_way))
    await _way_back(run)
    others = [f"{name}: {reason}" for name, reason in compared.others]
    files = {origin: sorted({f.path for f in compared.files if f.origin is origin}) for origin in Origin}
    return {"sha": sha, "not_applied": others, "one_way": one_way, "files": files}


async def _compare(run: Run, tree: Path, stamp: Stamp) -> Comparison:
    """Compares the release with the live one. Warns of what no rollout applies, and of what is not the release's."""
    live = run.rollout.previous
    compared = await run.ports.engine.compare(tree, stamp, live.sha if live else None)
    if compared.others:
        others = ", ".join(f"{name}: {reason}" for name, reason in compared.others)
        text = f"the release also changes {others}. The updater does not apply that; do it by hand."
        await run.record(lambda r: r.warn(text))
    for warning in compared.warnings:
        await run.record(lambda r, text=warning: r.warn(text))  # type: ignore[misc]
    return compared


async def _way_back(run: Run) -> None:
    """Warns if this rollout, of the commit that is live already, replaces the only copy of the release before it."""
    state = run.ports.journal.state
    live, previous = state.current, state.previous
    if live is None or previous is None or live.sha != run.rollout.sha:
        return
    part = await drift.stack_of(run.stack, run.ports, previous.sha)
    if gone := await run.ports.engine.missing(previous.sha, part.services(run.target.other)):
        text = f"{previous.tag} cannot be rolled back to after this, because this will be missing: {', '.join(gone)}"
        await run.record(lambda r: r.warn(text))


async def build(run: Run) -> Evidence:
    """Builds the images of the idle color, singletons, followers and jobs in parallel."""
    services = run.stack.built(run.target)
    async with one_version.of_files(run, definition_of(run), services):
        return {"images": await run.ports.engine.build(definition_of(run), services, run.say)}


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
        await health.wait_all_healthy(run, service, await _copies(run, service, NeverHealthy))
    return {"resumed": run.rollout.resumed}


async def check_direct(run: Run, service: RoutedService) -> Evidence:
    """Checks that each copy of the idle color is healthy at its own address."""
    evidence = await new_color_of(run).healthy(service)
    await _nothing_was_started(run)
    return evidence


async def switch_route(run: Run) -> Evidence:
    """The commit point: one rename moves the route. Confirms that Traefik answers with this rollout's id."""
    clock = run.ports.clock
    copies = await find_hosts(run.stack, run.ports.engine, run.target)
    run.traffic = await client_traffic.before_flip(run)
    started = clock.monotonic()
    await run.ports.route.flip(run.target, run.rollout.id, copies, stack=run.stack)
    await health.confirm_route(run, run.rollout.id, run.stack)
    run.flipped_at = clock.monotonic()
    await run.update(lambda state: state.routed_to(run.target, run.rollout.id))
    run.ports.publisher.event("route.flipped", rollout_id=run.rollout.id, color=run.target)
    return {"color": run.target, "flip_ms": round((run.flipped_at - started) * 1000, 1)}


async def check_routed(run: Run, service: RoutedService) -> Evidence:
    """Checks that the new color is healthy through Traefik."""
    return await health.wait_routed(run, service)


async def hand_over(run: Run, singleton: Singleton) -> Evidence:
    """Creates the new one, stops the old, confirms that it is gone, starts the new, waits for it. Never runs two."""
    engine, clock, definition = run.ports.engine, run.ports.clock, definition_of(run)
    files = await one_version.as_defined(run, definition, [singleton.service])
    found = await instances_of(run, services_of(run, singleton))
    made = [i for i in found if i.rollout == run.rollout.id]
    old = [i for i in found if not i.gone and i.rollout != run.rollout.id]
    same = not made and len(old) == 1 and old[0].service == singleton.service
    if same and await engine.unchanged(old[0], definition):
        return {"skipped": "nothing about it changed"}
    new = await engine.create(definition, singleton.service)
    if old and _was_follower(run, singleton):
        before = run.rollout.followed.get(singleton.name, ())  # an interruption
        copies = dict.fromkeys((*before, *(instance.id for instance in old)))
        await run.record(lambda r: r.following(singleton.name, [*copies]))
    for instance in old:
        await run.record(lambda r, i=instance: r.replacing(singleton.name, i.id))  # type: ignore[misc]
        await _stop_for_good(run, singleton, instance)
    stopped = clock.monotonic()
    await engine.resume(new.id)
    seen = await readiness.wait_ready(run, new)
    if not seen.ready:
        raise await _never_ready(run, singleton, seen)
    one_version.same(files, await one_version.as_defined(run, definition, [singleton.service]))
    gap = round(clock.monotonic() - stopped, 3) if old else None
    return {"instance": new.id, "gap_seconds": gap, **seen.evidence()}


async def bake(run: Run) -> Evidence:
    """Watches routes, instances and answers to clients for `times.bake`, while the old color stays warm."""
    until = run.ports.clock.monotonic() + run.stack.times.bake
    watch = Bake(run, await _watched(run), until)
    try:
        async with asyncio.TaskGroup() as group:
            for watcher in watch.watchers():
                group.create_task(watcher())  # type: ignore[arg-type]
            group.create_task(client_traffic.watch(run, until))
    except ExceptionGroup as errors:  # not except*: what that raises is a group again before Python 3.11.4
        raise _first(errors) from None
    probes = {"requests": watch.requests, "errors": watch.errors, "slowest_ms": round(watch.slowest * 1000, 1)}
    return {**probes, "traffic": run.traffic.evidence()}


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


async def prune(run: Run) -> Evidence:
    """Removes what belongs to neither the current nor the previous release, also after a failure.

    If no live release is known, something may serve that is not adopted: nothing is removed.
    """
    state, rollout = run.ports.journal.state, run.rollout
    if rollout.reason_code is None or rollout.stays:
        await run.ports.engine.publish(definition_of(run), run.target)
        now = run.ports.clock.now()
        state = state.finish(rollout.finish(RolloutStatus.FAILED if rollout.stays else RolloutStatus.SUCCESS, now), now)
    keep = {live.sha for live in state.kept}
    if not keep:
        return {"skipped": "no live release is known"}
    freed = await run.ports.engine.prune(keep)
    await run.ports.source.prune(keep)
    return {"freed_bytes": freed}


async def discard_new_color(run: Run) -> Evidence:
    """Before the flip: removes what this rollout created, and touches nothing else."""
    await run.ports.engine.sweep()
    made = await _made(run)
    await stop_all(run.stack, run.ports, made)
    for instance in made:
        await run.ports.engine.remove(instance.id)
    return {"removed": len(made)}


async def may_not_go_back(run: Run) -> bool:
    """Whether the release cannot be rolled back and the route leads to it.

    The old color may not understand data that the release has written. An operator can still force the rollback.
    """
    rollout = run.rollout
    if not (rollout.one_way and rollout.past_flip) or rollout.origin is None:
        return False
    return rollout.reason_code != OperatorRollback.code and await may_lead_to_target(run)


async def may_lead_to_target(run: Run) -> bool:
    """Whether the route file leads to the new color, or cannot be read, so that it may."""
    try:
        return await run.ports.route.active() is run.target
    except RouteNotConfirmed:
        return True


async def restore_route(run: Run) -> Evidence:
    """Moves the route back to the color that was live, which still runs."""
    started, origin = run.ports.clock.monotonic(), run.rollout.origin
    if origin is None:
        await run.ports.route.clear()
        await run.update(lambda state: state.routed_to(None, None))
        return {"color": None}
    proof = route_id_back(run.rollout.id)
    await run.ports.route.flip(origin, proof, stack=run.origin)
    await run.update(lambda state: state.routed_to(origin, proof))  # the file already says so, even if unconfirmed
    await health.confirm_route(run, proof, run.origin)
    rollback_ms = round((run.ports.clock.monotonic() - started) * 1000, 1)
    run.ports.publisher.event("route.rolled_back", rollout_id=run.rollout.id, color=origin)
    return {"color": origin, "rollback_ms": rollback_ms}


async def restore_singleton(run: Run, singleton: Singleton) -> Evidence:
    """Confirms that the new one is gone, then starts the old one again; of what was a follower, all old copies."""
    for new in await run.ports.engine.find(singleton.service, rollout=run.rollout.id):
        await _stop_for_good(run, singleton, new)
        await run.ports.engine.remove(new.id)
    old = run.rollout.replaced.get(singleton.name) or await _stopped_before(run, singleton)
    if old is None:
        return {"skipped": "the old one was never stopped"}
    copies = run.rollout.followed.get(singleton.name, (old,)) if _was_follower(run, singleton) else (old,)
    seen = [await _brought_back(run, singleton, instance) for instance in copies]
    return {"instance": old, **seen[0].evidence()}


async def _brought_back(run: Run, singleton: Singleton, old: str) -> readiness.Readiness:
    # It may still be shutting down: the engine ignores a start of what still runs, and the old one would then end.
    await _stop_for_good(run, singleton, await run.ports.engine.inspect(old))
    await run.ports.engine.resume(old)
    seen = await readiness.wait_ready(run, await run.ports.engine.inspect(old))
    if not seen.ready:
        raise SingletonNeverReady(f"the old one was started again but is not ready: {seen}", service=singleton.name)
    return seen


def _was_follower(run: Run, singleton: Singleton) -> bool:
    """Whether the release before has it as a follower, which may have several copies."""
    return singleton.name in {each.name for each in run.origin.followers}


async def _stopped_before(run: Run, singleton: Singleton) -> str | None:
    """The singleton that was stopped although the journal does not say so: its last write can be lost or torn.

    Without that record, it is the newest one of the live release, if none runs. None if one runs, or none is left, or
    if each hand-over that began has also ended, by the same worker: then it is known that nothing was stopped, and one
    that does not run was stopped before, maybe on purpose.
    """
    live, hand_over = run.rollout.previous, StepId(StepKind.RESTART, singleton.name)
    unclear = any(step.id == hand_over and not step.completed for step in run.rollout.steps)
    if live is None or not unclear:
        return None
    found = await instances_of(run, services_of(run, singleton))
    if any(not i.gone for i in found):
        return None
    at = {i.id: (i.rollout == live.rollout_id, i.sha == live.sha, i.created or run.rollout.started_at) for i in found}
    return max(at, key=lambda each: at[each], default=None)


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


async def _never_ready(run: Run, singleton: Singleton, seen: readiness.Readiness) -> UpdaterError:
    lines = await run.ports.engine.tail(seen.instance.id, health.TAIL_LINES)
    detail = f"within {run.stack.times.ready:.0f} s; {seen}"
    return SingletonNeverReady(detail, service=singleton.name, last_lines=lines)


async def _stop_for_good(run: Run, singleton: Singleton, instance: Instance) -> None:
    await run.ports.engine.stop(instance.id, instance.grace(run.stack.times.stop_grace))
    now = await run.ports.engine.inspect(instance.id)
    if not now.gone:
        raise SingletonNotGone(f"it is still {now.state}", service=singleton.name)


async def instances_of(run: Run, services: list[str], *, rollout: str | None = None) -> list[Instance]:
    found = await asyncio.gather(*(run.ports.engine.find(s, rollout=rollout) for s in services))
    return [instance for instances in found for instance in instances]


async def _made(run: Run) -> list[Instance]:
    return await instances_of(run, list(run.stack.services(run.target)), rollout=run.rollout.id)


async def _watched(run: Run) -> list[Instance]:
    colored = [copy for service in run.stack.routed for copy in await _copies(run, service, BakeFailed)]
    others = await instances_of(run, list(run.stack.uncolored))
    return [*colored, *(i for i in others if i.running)]


async def _copies(run: Run, service: RoutedService, missing: type[NeverHealthy | BakeFailed]) -> list[Instance]:
    """The copies that this rollout started, all of them. Raises `missing` if one is gone."""
    name, number = service.colors[run.target], run.rollout.copies.get(service.name, 1)
    made = await run.ports.engine.find(name, rollout=run.rollout.id)
    if len(made) < number:
        raise missing(f"of {number} containers of {name}, {len(made)} exist", service=service.name)
    return made


def services_of(run: Run, uncolored: Singleton | Follower) -> list[str]:
    """The Compose services that have run it: the release before may have it under another name."""
    names = names_of(run.origin)
    before = [service for service in run.origin.uncolored if names[service] == uncolored.name]
    return list(dict.fromkeys((uncolored.service, *before)))


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


def _first(errors: ExceptionGroup[Exception]) -> Exception:
    """The first UpdaterError of the group; the group itself if it has none."""
    return next((error for error in errors.exceptions if isinstance(error, UpdaterError)), errors)
