"""What a rollback would bring back."""

from collections.abc import Sequence

from app.api.plan import PlannedFrom
from app.api.rollback_plan import ChangedValues, RollbackPlan
from app.domain.errors import UpdaterError
from app.domain.kept_release import kept_release
from app.domain.release import LiveRelease, new_rollout_id
from app.domain.release_stack import lacking
from app.domain.stack import Color, Stack
from app.domain.state import State
from workers.adoption import drift
from workers.ports import Ports, Stamp
from workers.rollout.checks.reach import out_of_reach

_BUSY = "a rollout is in progress, and only one may use the release's files at a time"


async def rollback_plan(stack: Stack, ports: Ports, sha: str | None) -> RollbackPlan:
    """What a rollback to the kept release `sha`, or to the one before the live one, would bring back.

    Touches nothing that runs. Raises ReleaseNotKept, AlreadyLive.
    """
    state = ports.journal.state
    back_to = kept_release(state, sha)
    target = target_color(state)
    part = await drift.stack_of(stack, ports, back_to.sha)
    blocked = await _blocked(ports, state, back_to, part.services(target))
    if not part.routed:
        blocked.append(no_routes(back_to.tag))
    if not blocked:
        unreached = await ports.engine.unreached(ports.engine.defined(back_to.sha))
        blocked = await out_of_reach(part, ports, target, unreached)
    values, unknown = ((), _BUSY) if state.rollout else await _changed(ports, back_to)
    return RollbackPlan(
        tag=back_to.tag,
        sha=back_to.sha,
        current=PlannedFrom(tag=state.current.tag, sha=state.current.sha) if state.current else None,
        target_color=target,
        lacks=lacking(await drift.live_stack(stack, ports), part),
        changed_values=values,
        changed_unknown=unknown,
        would_start=not blocked,
        blocked_by=tuple(blocked),
    )


def target_color(state: State) -> Color:
    """The color on which a rollback would start the kept release."""
    return state.active_color.other if state.active_color else Color.BLUE


def no_routes(tag: str) -> str:
    return f"{tag} has none of the routed services that the stack file names, so no route can lead to it"


async def _blocked(ports: Ports, state: State, back_to: LiveRelease, services: Sequence[str]) -> list[str]:
    found = [f"{part} is missing" for part in await ports.engine.missing(back_to.sha, services)]
    if state.current and await ports.engine.one_way(state.current.sha):
        found.append(f"{state.current.tag} has updater.rollback: never: it needs force")
    if state.rollout:
        found.append(f"{state.rollout.release.tag} is being rolled out: a rollback would turn that back instead")
    return found


async def _changed(ports: Ports, back_to: LiveRelease) -> tuple[tuple[ChangedValues, ...], str | None]:
    if back_to.adopted:
        return (), "it ran before the updater did, and starts again as it was"
    try:
        tree = await ports.source.checkout(back_to.sha)
        found = await ports.engine.changed_values(tree, Stamp(back_to.tag, back_to.sha, new_rollout_id()))
    except UpdaterError as error:
        return (), str(error)
    return tuple(ChangedValues(service=service, names=names) for service, names in found.items()), None
