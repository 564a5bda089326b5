"""READ FIRST: the order of the steps, and what undoes them."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial

from app.domain.errors import Interrupted, StaleWorker, UpdaterError
from app.domain.release import Release, Trigger
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Stack
from app.domain.step import StepId, StepKind
from workers.rollout.checks import bake
from workers.rollout.checks.health import NewColor
from workers.rollout.outage import AGAIN_SECONDS, restore_at_last, restored
from workers.rollout.run import Run
from workers.rollout.step import MARGIN_SECONDS, Step
from workers.rollout.steps import before_flip, colors, followers, releases, routes, singletons
from workers.rollout.steps.preflight import preflight
from workers.rollout.subjects import definition_of
from workers.rollout.withdrawn import cause_of, raise_if_withdrawn

ATTEMPTS = 3
"""How often a release is attempted, or its rollout resumed, before an interruption counts as its failure."""

_GAVE_WAY = {status.value: status for status in (RolloutStatus.SUPERSEDED, RolloutStatus.WITHDRAWN)}
"""The ends of a rollout that gave way before its flip, by the code of the reason."""


def preparation(stack: Stack, *, recall: bool = False) -> Iterator[Step]:
    """Everything up to the idle color's images. The commands come before its start, because it needs their results."""
    times = stack.times
    waits = times.route + times.drain + 2 * times.health + stack.checks.timeout
    yield Step(StepKind.PREFLIGHT, preflight, waits)
    if recall:
        yield Step(StepKind.RECALL, releases.recall, times.fetch)
        return
    yield Step(StepKind.FETCH, releases.fetch, times.fetch, retried=True)
    yield Step(StepKind.CHECKOUT, releases.checkout, times.fetch, retried=True)
    yield Step(StepKind.BUILD, releases.build, times.image + 2 * times.build, retried=True)
    for step, command in stack.before_flip_steps().items():
        action = partial(before_flip.run_command, step=step, command=command)
        yield Step(step.kind, action, times.start + command.limit, step.subject)


def new_color(stack: Stack) -> Iterator[Step]:
    """Starts the idle color and checks it directly. Nothing live is touched.

    What still runs of the idle color, such as after a flip that Traefik did not confirm, is stopped by its start.
    """
    for service in stack.routed:
        limit = stack.times.start + _stop(stack)
        yield Step(StepKind.START, partial(colors.start, service=service), limit, service.name, stops=1)
    for service in stack.routed:
        yield Step(StepKind.HEALTH, partial(colors.check_direct, service=service), stack.times.health, service.name)


def take_over(stack: Stack) -> Iterator[Step]:
    """The flip, and the checks that the new color works."""
    times = stack.times
    yield Step(StepKind.ROUTE_SWITCH, routes.switch_route, times.route)
    for service in stack.routed:
        yield Step(StepKind.HEALTH_ROUTED, partial(routes.check_routed, service=service), times.route, service.name)
    for singleton in stack.singletons:
        action, limit = partial(singletons.hand_over, singleton=singleton), times.start + _stop(stack) + times.ready
        yield Step(StepKind.RESTART, action, limit, singleton.name, stops=1)
    for follower in stack.followers:
        action, limit = partial(followers.replace, follower=follower), times.start + _stop(stack) + times.ready
        yield Step(StepKind.FOLLOW, action, limit, follower.name, stops=1)
    yield Step(StepKind.BAKE, bake.bake, times.bake)


def retirement(stack: Stack) -> Iterator[Step]:
    """Drains and stops the old color, and removes what is too old."""
    yield stop_old_color(stack)
    yield prune(stack)


def step_ids(stack: Stack, recall: bool = False) -> tuple[StepId, ...]:
    """The steps of a rollout of `stack`, in order. `recall`: the steps that bring a kept release back."""
    parts = (preparation(stack, recall=recall), new_color(stack), take_over(stack), retirement(stack))
    return tuple(step.id for part in parts for step in part)


async def roll_out(run: Run) -> Rollout:
    """Makes the journal's rollout live, or restores everything. Returns its record with a final status.

    Before `route_switch` nothing live is touched. After it, the old color stays warm until the end of the bake, so
    that a rollback is one rename.
    """
    return await _attempt(run, _prepare, _take_over)


async def go_on(run: Run) -> Rollout:
    """Continues after an interruption past the flip if the new color is still healthy; otherwise rolls back."""
    return await _attempt(run, _check_again, _take_over)


async def _attempt(run: Run, *phases: Callable[[Run], Awaitable[None]]) -> Rollout:
    try:
        for phase in phases:
            await phase(run)
        run.settle()
    except StaleWorker:
        raise
    except Interrupted as interruption:
        return await undo(run, interruption, again=begun_again(run.rollout))
    except UpdaterError as error:
        return await undo(run, await cause_of(run, error))
    return await retire(run)


def begun_again(rollout: Rollout) -> Release | None:
    """The release for another attempt after an interruption; None past the flip or after the last attempt."""
    release = rollout.release
    if rollout.past_flip or release.attempts + 1 >= ATTEMPTS:
        return None
    return replace(release, attempts=release.attempts + 1, trigger=Trigger.RECOVERY)


async def _check_again(run: Run) -> None:
    await run.step(Step(StepKind.RESUME, colors.check_again, run.stack.times.health))


async def _prepare(run: Run) -> None:
    """Builds and starts the idle color, and checks it directly. Nothing live is touched."""
    for step in preparation(run.stack, recall=run.rollout.release.recall is not None):
        await run.step(step)
    async with NewColor(run, definition_of(run)) as run.new_color:
        for step in new_color(run.stack):
            await run.step(step)
    await raise_if_withdrawn(run)


async def _take_over(run: Run) -> None:
    """From the flip to the end of the bake. After an interruption, repeats only the steps that were not completed."""
    for step in take_over(run.stack):
        await run.once(step)


async def retire(run: Run) -> Rollout:
    """After the bake: drains and stops the old color, removes what is too old, and ends the rollout as a success."""
    for step in retirement(run.stack):
        await run.attempt(step)
    return await run.finish(RolloutStatus.SUCCESS)


async def undo(run: Run, error: UpdaterError, *, again: Release | None = None) -> Rollout:
    """Rolls back the route first, then bot and followers, then the new color; nothing is rebuilt.

    Before the flip, it only removes what the rollout created. After it, the new color is stopped only if the route is
    confirmed to lead away from it. `again` is the release to attempt again afterwards, unless an operator stopped it.
    """
    await run.undoing(error)
    again = again if run.rollout.reason_code == Interrupted.code else None
    if await routes.may_not_go_back(run):
        return await stay(run)
    if not run.rollout.past_flip:
        await run.attempt(discard(run.stack))
        status = _GAVE_WAY.get(str(run.rollout.reason_code), RolloutStatus.FAILED)
    else:
        back = await run.attempt(rollback_route(run.stack))
        restoring = (*rollback_singletons(run.stack), *rollback_followers(run.stack))
        left = [step for step in restoring if not await restored(run, step)]
        if back := back or await _lead_back(run):
            await run.attempt(rollback_stop(run.stack))
        else:
            # The file does not lead to the new color. The journal may say so still, if the step was cut off in between.
            await run.update(lambda state: state.routed_to(run.rollout.origin, None))
        for step in left:
            await restore_at_last(run, step)
        status = RolloutStatus.ROLLED_BACK if back else RolloutStatus.FAILED
    await run.attempt(prune(run.stack))
    return await run.finish(status, again=again)


async def _lead_back(run: Run) -> bool:
    """Writes the route file until it leads back, also after a restart: until then clients stay on the failed color.

    Returns False if the file is right, but Traefik does not confirm it.
    """
    while await routes.may_lead_to_target(run):
        await run.ports.clock.sleep(AGAIN_SECONDS)
        if await run.attempt(rollback_route(run.stack)):
            return True
    return False


async def stay(run: Run) -> Rollout:
    """Keeps the traffic on a release that cannot be rolled back, healthy or not.

    The old color may not understand data that the new one has written. The bot is left unchanged, and of a follower
    only one release's copies stay. The old color is stopped only if the route was confirmed to lead away from it.
    """
    await run.record(Rollout.stay)
    for step in kept_followers(run.stack):
        await run.attempt(step)
    if run.rollout.flipped:
        await run.attempt(stop_old_color(run.stack))
    else:
        await run.update(lambda state: state.routed_to(run.target, None))
    await run.attempt(prune(run.stack))
    return await run.finish(RolloutStatus.FAILED)


def stop_old_color(stack: Stack) -> Step:
    return Step(StepKind.STOP_OLD_COLOR, colors.stop_old_color, stack.times.drain + _stop(stack), stops=1)


def prune(stack: Stack) -> Step:
    return Step(StepKind.PRUNE, releases.prune, stack.times.start)


def discard(stack: Stack) -> Step:
    return Step(StepKind.DISCARD, colors.discard_new_color, stack.times.drain + _stop(stack), stops=1)


def rollback_route(stack: Stack) -> Step:
    return Step(StepKind.ROLLBACK_ROUTE, routes.restore_route, stack.times.route)


def rollback_singletons(stack: Stack) -> Iterator[Step]:
    limit = 2 * _stop(stack) + stack.times.ready
    for singleton in stack.singletons:
        action = partial(singletons.restore_singleton, singleton=singleton)
        yield Step(StepKind.ROLLBACK_SINGLETON, action, limit, singleton.name, stops=2)


def rollback_followers(stack: Stack) -> Iterator[Step]:
    limit = stack.times.start + 2 * _stop(stack) + stack.times.ready
    for follower in stack.followers:
        action = partial(followers.restore, follower=follower)
        yield Step(StepKind.ROLLBACK_FOLLOWER, action, limit, follower.name, stops=2)


def kept_followers(stack: Stack) -> Iterator[Step]:
    for follower in stack.followers:
        action = partial(followers.keep_new, follower=follower)
        yield Step(StepKind.FOLLOW, action, stack.times.start + _stop(stack), follower.name, stops=1)


def rollback_stop(stack: Stack) -> Step:
    return Step(StepKind.ROLLBACK_STOP, colors.stop_new_color, stack.times.drain + _stop(stack), stops=1)


def _stop(stack: Stack) -> float:
    return stack.times.stop_grace + MARGIN_SECONDS
