"""Compares the followers that run with what the live release says. It changes nothing: copies may overlap."""

from app.domain.errors import ReleaseNotKept
from app.domain.findings import Alarm
from app.domain.release import LiveRelease
from app.domain.stack import Follower, Stack
from workers.adoption import drift
from workers.ports import Definition, Instance, Ports


async def alarms(stack: Stack, ports: Ports) -> list[Alarm]:
    """Reports missing copies, which an operator may have stopped, and those of another release. Raises EngineFailed."""
    live = ports.journal.state.current
    if live is None:
        return []
    return [alarm for follower in stack.followers for alarm in await _alarms(ports, follower, live)]


async def _alarms(ports: Ports, follower: Follower, live: LiveRelease) -> list[Alarm]:
    definition = ports.engine.defined(live.sha)
    try:
        wanted = await ports.engine.copies(definition, follower.service)
    except ReleaseNotKept:
        return []  # the live release is older than this part of the stack file
    running = [i for i in await drift.find(ports, follower.service) if not i.gone]
    other = [i for i in running if not await _is_live(ports, i, definition, live)]
    found = []
    if (count := len(running) - len(other)) < wanted:
        text = (
            f"{count} of {wanted} copies of {follower.name} run. If the others were not stopped on purpose, start "
            "their containers."
        )
        found.append(Alarm("follower_gone", text))
    if other:
        ids = ", ".join(instance.id[:12] for instance in other)
        text = (
            f"{len(other)} copies of {follower.name} are not of the live release ({ids}), so they may do its work in "
            "an old way. Stop them, and find out what started them."
        )
        found.append(Alarm("follower_outdated", text))
    return found


async def _is_live(ports: Ports, instance: Instance, definition: Definition, live: LiveRelease) -> bool:
    return instance.rollout == live.rollout_id or await ports.engine.unchanged(instance, definition)
