"""READ FIRST: the order of the steps, and what undoes them."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from app.domain.errors import Interrupted, StaleWorker, Superseded, UpdaterError
from app.domain.release import Release, Trigger
from app.domain.rollout import BAKE, PREFLIGHT, RECALL, RESUME, ROUTE_SWITCH, Rollout, Status
from workers import before_flip, steps
from workers.health import NewColor
from workers.run import Run

ATTEMPTS = 3
"""How often the same release is begun again, or goes on, before an interruption counts as its failure."""


async def roll_out(run: Run) -> Rollout:
    """Makes the journal's rollout live, or puts everything back as it was. Returns its record with a final status.

    Up to `route_switch` nothing live is touched. From there on the old color stays warm until the new one has
    proven itself, so that going back is one rename.
    """
    return await _attempt(run, _prepare, _take_over)


async def go_on(run: Run) -> Rollout:
    """After an interruption past the flip: forward where the new color is still well, else back."""
    return await _attempt(run, _check_again, _take_over)


async def _attempt(run: Run, *phases: Callable[[Run], Awaitable[None]]) -> Rollout:
    try:
        for phase in phases:
            await phase(run)
    except StaleWorker:
        raise
    except Interrupted as interruption:
        return await undo(run, interruption, again=begun_again(run.rollout))
    except UpdaterError as error:
        return await undo(run, error)
    return await retire(run)


def begun_again(rollout: Rollout) -> Release | None:
    """What an interrupted rollout begins anew with; None where it has moved the route, or was tried often enough."""
    release = rollout.release
    if rollout.past_flip or release.attempts + 1 >= ATTEMPTS:
        return None
    return replace(release, attempts=release.attempts + 1, trigger=Trigger.RECOVERY)


async def _check_again(run: Run) -> None:
    await run.step(RESUME, steps.check_again)


async def _prepare(run: Run) -> None:
    """The idle color is built, runs and is healthy by itself; nothing live is touched.

    The commands come before its start: it starts on what they have made, and its health means something.
    """
    await run.step(PREFLIGHT, steps.preflight)
    if run.rollout.release.recall:
        await run.step(RECALL, steps.recall)
    else:
        await run.step("git_fetch_tags", steps.fetch)
        await run.step("git_checkout_tag", steps.checkout)
        await run.step("docker_build", steps.build)
        for name, command in run.stack.before_flip_steps().items():
            await run.step(name, before_flip.run_command, name, command)
    async with NewColor(run, steps.definition_of(run)) as color:
        for service in run.stack.routed:
            await run.step(f"start_{service.name}", steps.start, service, color)
        for service in run.stack.routed:
            await run.step(f"health_{service.name}", steps.check_direct, service, color)


async def _take_over(run: Run) -> None:
    """From the flip to the end of the bake; each step may be begun again after an interruption."""
    await run.once(ROUTE_SWITCH, steps.switch_route)
    for service in run.stack.routed:
        await run.once(f"health_routed_{service.name}", steps.check_routed, service)
    for singleton in run.stack.singletons:
        await run.once(f"restart_{singleton.name}", steps.hand_over, singleton)
    await run.once(BAKE, steps.bake)


async def retire(run: Run) -> Rollout:
    """The new color has proven itself: the old one drains and stops, what is too old goes."""
    await run.attempt("stop_old_color", steps.stop_old_color)
    await run.attempt("prune", steps.prune)
    return await run.finish(Status.SUCCESS)


async def undo(run: Run, error: UpdaterError, *, again: Release | None = None) -> Rollout:
    """Route first, then the bot, then the new color; nothing is rebuilt. Before the flip only what was created goes.

    The new color is stopped only when the route is known to be away from it. `again` is what is begun anew afterwards.
    """
    await run.undoing(error)
    if await steps.may_not_go_back(run):
        return await stay(run)
    if not run.rollout.past_flip:
        await run.attempt("discard", steps.discard_new_color)
        status = Status.SUPERSEDED if run.rollout.reason_code == Superseded.code else Status.FAILED
    else:
        back = await run.attempt("rollback_route", steps.restore_route)
        for singleton in run.stack.singletons:
            await run.attempt(f"rollback_{singleton.name}", steps.restore_singleton, singleton)
        if back:
            await run.attempt("rollback_stop", steps.stop_new_color)
        else:
            await run.update(lambda state: state.routed_to(state.active_color, None))
        status = Status.ROLLED_BACK if back else Status.FAILED
    await run.attempt("prune", steps.prune)
    return await run.finish(status, again=again)


async def stay(run: Run) -> Rollout:
    """A release that cannot be rolled back keeps the traffic, well or not: the old color would not understand it.

    The bot is left as it is. The old color goes only where the route was seen to be away from it.
    """
    await run.record(Rollout.stay)
    if run.rollout.flipped:
        await run.attempt("stop_old_color", steps.stop_old_color)
    else:
        await run.update(lambda state: state.routed_to(run.target, None))
    await run.attempt("prune", steps.prune)
    return await run.finish(Status.FAILED)
