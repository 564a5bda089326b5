"""Steps that fetch a release, define how it runs, build it, and remove what is older than the one before it."""

from pathlib import Path

from app.domain.errors import ChecksRefused
from app.domain.release import Release
from app.domain.release_stack import lacking
from app.domain.required_checks import SHORT_SHA
from app.domain.rollout import RolloutStatus
from workers.adoption import drift
from workers.ports import Comparison, Difference, Origin, Stamp
from workers.rollout import one_version
from workers.rollout.checks.reach import refuse_unreached
from workers.rollout.run import Run
from workers.rollout.step import Evidence
from workers.rollout.subjects import definition_of, sha_of

WITHOUT = (
    "they have no route while that release is live, and their containers are stopped after the bake. The next release "
    "that has them starts them again."
)


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
    """Fetches the tag into the updater's own mirror and resolves it to a commit: the one that was chosen, if any."""
    release = run.rollout.release
    sha = await run.ports.source.fetch(release.tag, release.chosen_commit)
    if run.stack.policy.require_checks is not None:
        _refuse_unchecked(release, sha)
    await run.record(lambda r: r.resolved(sha))
    before = release.moved_from if sha == release.commit else release.commit
    if before:
        text = f"{release.tag} moved from {before[:12]} to {sha[:12]} while it waited. {sha[:12]} is rolled out."
        await run.record(lambda r: r.warn(text))
    return {"sha": sha}


def _refuse_unchecked(release: Release, sha: str) -> None:
    """Raises ChecksRefused if the green checks are those of another commit: the tag moved, or Git has another one."""
    if release.checks is not None and release.checks.sha != sha:
        checked = (release.checks.sha or "")[:SHORT_SHA]
        raise ChecksRefused(
            f"{release.tag} is commit {sha[:SHORT_SHA]} in Git, and the green checks are those of {checked}. Publish "
            f"the change under a new tag, or run `updater deploy {release.tag}`"
        )


async def checkout(run: Run) -> Evidence:
    """Checks out a separate worktree and writes the definition of how its services run."""
    release, sha = run.rollout.release, sha_of(run)
    tree, stamp = await run.ports.source.checkout(sha, release.tag), Stamp(release.tag, sha, release.rollout_id)
    compared = await _compare(run, tree, stamp)
    await refuse_unreached(run, compared.unreached, force=release.force)
    run.definition = await run.ports.engine.define(tree, stamp, compared)
    one_version.same(compared.sources, run.definition.sources)
    one_way = await run.ports.engine.one_way(sha)
    await run.record(lambda r: r.declared(one_way=one_way))
    await _way_back(run)
    others = [f"{name}: {reason}" for name, reason in compared.others]
    files = {origin: sorted({f.path for f in compared.files if f.origin is origin}) for origin in Origin}
    changed = {d.service: _names(d) for d in compared.moved if d.added or d.removed or d.changed}
    return {"sha": sha, "not_applied": others, "one_way": one_way, "files": files, "environment": changed}


def _names(service: Difference) -> dict[str, list[str]]:
    """The variables of a service that the release changes: names, without values."""
    return {"added": [*service.added], "removed": [*service.removed], "changed": [*service.changed]}


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
