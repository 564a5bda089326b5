"""Hands a singleton over to the new release, and back to the old one. It never runs twice."""

from collections.abc import Sequence

from app.domain.errors import SingletonNeverReady, SingletonNotGone, UpdaterError
from app.domain.stack import Singleton
from workers.ports import Instance
from workers.rollout import one_version
from workers.rollout.checks import health, readiness
from workers.rollout.run import Run
from workers.rollout.step import Evidence
from workers.rollout.stopping import why_there
from workers.rollout.subjects import definition_of, found_of, likely_replaced


async def hand_over(run: Run, singleton: Singleton) -> Evidence:
    """Creates the new one, stops the old, confirms that it is gone, starts the new, waits for it. Never runs two."""
    engine, clock, definition = run.ports.engine, run.ports.clock, definition_of(run)
    files = await one_version.as_defined(run, definition, [singleton.service])
    found = await found_of(run, singleton)
    made = [i for i in found if i.rollout == run.rollout.id]
    old = [i for i in found if not i.gone and i.rollout != run.rollout.id]
    same = not made and len(old) == 1 and old[0].service == singleton.service
    if same and await engine.unchanged(old[0], definition):
        return {"skipped": "nothing about it changed"}
    new = await engine.create(definition, singleton.service)
    # Again: if the engine was shutting down, what had ended runs by now.
    old = await _retire(run, singleton, [i for i in await found_of(run, singleton) if i.rollout != run.rollout.id])
    stopped = clock.monotonic()
    await engine.resume(new.id)
    seen = await readiness.wait_ready(run, new)
    if not seen.ready:
        raise await _never_ready(run, singleton, seen)
    one_version.same(files, await one_version.as_defined(run, definition, [singleton.service]))
    gap = round(clock.monotonic() - stopped, 3) if old else None
    return {"instance": new.id, "gap_seconds": gap, **seen.evidence()}


async def _retire(run: Run, singleton: Singleton, others: Sequence[Instance]) -> list[Instance]:
    """Stops all `others`, also those that have ended, which the engine might start again. Returns those that ran.

    Records first that, then which: the journal's last write can be lost or torn.
    """
    old = [instance for instance in others if not instance.gone]
    if old and singleton.name not in run.rollout.replaced:
        await run.record(lambda r: r.replacing(singleton.name, ""))
    if old and _was_follower(run, singleton):
        before = run.rollout.followed.get(singleton.name, ())  # an interruption
        copies = dict.fromkeys((*before, *(instance.id for instance in old)))
        await run.record(lambda r: r.following(singleton.name, [*copies]))
    for instance in sorted(others, key=lambda each: not each.gone):
        if instance in old:
            await run.record(lambda r, i=instance: r.replacing(singleton.name, i.id))  # type: ignore[misc]
        await _stop_for_good(run, singleton, instance)
    return old


async def restore_singleton(run: Run, singleton: Singleton) -> Evidence:
    """Confirms that the new one is gone, then starts the old one again; of what was a follower, all old copies."""
    for new in await run.ports.engine.find(singleton.service, rollout=run.rollout.id):
        await _stop_for_good(run, singleton, new)
        await run.ports.engine.remove(new.id)
    old = run.rollout.replaced.get(singleton.name)
    if old == "":
        old = await _likely_replaced(run, singleton)
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


async def _likely_replaced(run: Run, singleton: Singleton) -> str | None:
    """The one that was stopped, if the journal lost which. One that still runs may be shutting down."""
    best = likely_replaced(run, await found_of(run, singleton))
    return best.id if best else None


async def _never_ready(run: Run, singleton: Singleton, seen: readiness.Readiness) -> UpdaterError:
    lines = await run.ports.engine.tail(seen.instance.id, health.TAIL_LINES)
    detail = f"within {run.stack.times.ready:.0f} s; {seen}"
    return SingletonNeverReady(detail, service=singleton.name, last_lines=lines)


async def _stop_for_good(run: Run, singleton: Singleton, instance: Instance) -> None:
    now = await run.ports.engine.stop(instance.id, instance.grace(run.stack.times.stop_grace))
    if not now.gone:
        raise SingletonNotGone(why_there(now), service=singleton.name)
