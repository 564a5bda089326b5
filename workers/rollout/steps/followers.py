"""Replaces the followers: the new copies start before the old ones stop. On a rollback, the old ones come back."""

import asyncio
from collections.abc import Sequence

from app.domain.errors import FollowerNeverReady, FollowerNotGone, StartFailed
from app.domain.stack import Follower
from workers.ports import Instance
from workers.rollout import one_version
from workers.rollout.checks import health, readiness
from workers.rollout.run import Run
from workers.rollout.step import Evidence
from workers.rollout.stopping import still_there, stop_all, why_there
from workers.rollout.subjects import definition_of, found_of, likely_replaced


async def replace(run: Run, follower: Follower) -> Evidence:
    """Starts the new copies, waits until all are ready, then stops the old ones, each with its own grace.

    If the release before has it as a singleton, the old one stops first: it must never run beside another copy.
    """
    engine, definition = run.ports.engine, definition_of(run)
    files = await one_version.as_defined(run, definition, [follower.service])
    made, others = await _apart(run, follower)
    old = [instance for instance in others if not instance.gone]
    same = not made and len(old) == await engine.copies(definition, follower.service)
    same = same and all(each.service == follower.service for each in old)
    if same and all([await engine.unchanged(each, definition) for each in old]):
        return {"skipped": "nothing about it changed"}
    new = await engine.create_copies(definition, follower.service)
    if _was_singleton(run, follower):
        await _retire(run, follower, others)
    for instance in new:
        await engine.resume(instance.id)
    late = await _late(run, new)
    if late is not None:
        raise await _never_ready(run, follower, late)
    one_version.same(files, await one_version.as_defined(run, definition, [follower.service]))
    await _retire(run, follower, others)
    return {"instances": [instance.id for instance in new], "stopped": [instance.id for instance in old]}


async def restore(run: Run, follower: Follower) -> Evidence:
    """Starts the old copies again, waits until they are ready, then stops and removes the new ones.

    If the release before has it as a singleton, the new ones stop first.
    """
    engine = run.ports.engine
    new, others = await _apart(run, follower)
    if _was_singleton(run, follower):
        await _stop_for_good(run, follower, new)
    old, stopped = _stopped(run, follower, others), run.rollout.followed.get(follower.name, ())
    # One may still be shutting down: the engine ignores a start of what still runs, and it would then end.
    await _stop_for_good(run, follower, old)
    failed = [why for instance in old for why in await _started(run, instance)]
    late = await _late(run, old) if not failed else None
    await _stop_for_good(run, follower, new)
    for instance in new:
        await engine.remove(instance.id)
    failed += [str(late)] if late else []
    failed += [f"containers that no longer exist: {len(stopped) - len(old)}"] if len(stopped) > len(old) else []
    if failed:
        detail = f"the old copies were started again but are not ready: {'; '.join(failed)}"
        raise FollowerNeverReady(detail, service=follower.name)
    return {"started": [instance.id for instance in old], "removed": len(new)}


async def keep_new(run: Run, follower: Follower) -> Evidence:
    """Stops the old copies of a release that stays although it failed, if its own copies were made."""
    new, others = await _apart(run, follower)
    if not new:
        return {"skipped": "the release did not make any"}
    if _was_singleton(run, follower):
        await _retire(run, follower, others)
    for instance in new:
        await run.ports.engine.resume(instance.id)
    await _retire(run, follower, others)
    return {"instances": [instance.id for instance in new]}


def _was_singleton(run: Run, follower: Follower) -> bool:
    return follower.name in {each.name for each in run.origin.singletons}


async def _apart(run: Run, follower: Follower) -> tuple[list[Instance], list[Instance]]:
    """The copies that this rollout made, and the others: the release before may have another service for them."""
    found = await found_of(run, follower)
    made = [instance for instance in found if instance.rollout == run.rollout.id]
    return made, [instance for instance in found if instance.rollout != run.rollout.id]


async def _retire(run: Run, follower: Follower, others: Sequence[Instance]) -> None:
    """Stops those that run. Records first that, then which: the journal's last write can be lost or torn."""
    old = [instance for instance in others if not instance.gone]
    ids = list(dict.fromkeys(each.id for each in (*_stopped(run, follower, others), *old)))
    if not ids:
        return
    if follower.name not in run.rollout.followed:
        await run.record(lambda r: r.following(follower.name, ()))
    await run.record(lambda r: r.following(follower.name, ids))
    await _stop_for_good(run, follower, old)


def _stopped(run: Run, follower: Follower, others: Sequence[Instance]) -> list[Instance]:
    """Those of `others` that this rollout has stopped, or is about to stop.

    If the journal lost which: those of one release, that of the running ones, else of the live release.
    """
    ids = run.rollout.followed.get(follower.name)
    if ids or ids is None:
        return [instance for instance in others if instance.id in (ids or ())]
    best = likely_replaced(run, others)
    return [instance for instance in others if best is not None and instance.rollout == best.rollout]


async def _started(run: Run, instance: Instance) -> list[str]:
    """Starts it; why it could not be started, if so."""
    try:
        await run.ports.engine.resume(instance.id)
    except StartFailed as error:
        return [error.detail]
    return []


async def _late(run: Run, instances: Sequence[Instance]) -> readiness.Readiness | None:
    """Waits until all are ready. Returns the first that is not."""
    seen = await asyncio.gather(*(readiness.wait_ready(run, instance) for instance in instances))
    return next((each for each in seen if not each.ready), None)


async def _stop_for_good(run: Run, follower: Follower, instances: Sequence[Instance]) -> None:
    if left := still_there(await stop_all(run.stack, run.ports, instances)):
        raise FollowerNotGone(why_there(left), service=follower.name)


async def _never_ready(run: Run, follower: Follower, seen: readiness.Readiness) -> FollowerNeverReady:
    lines = await run.ports.engine.tail(seen.instance.id, health.TAIL_LINES)
    detail = f"within {run.stack.times.ready:.0f} s; {seen}"
    return FollowerNeverReady(detail, service=follower.name, last_lines=lines)
