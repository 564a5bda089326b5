"""Compares the followers that run with the live release, and replaces the copies of another one."""

from collections import Counter
from collections.abc import Sequence

from app.domain.engine_commands import commands_of
from app.domain.errors import EngineFailed, ReleaseNotKept, StaleWorker, UpdaterError
from app.domain.findings import Alarm
from app.domain.release import LiveRelease
from app.domain.stack import Follower, Stack
from workers.control import live_followers
from workers.ports import Instance, Ports

TRIES = 3
"""How often to replace copies of another release, if that fails. Then the watch only reports them."""

UNCLEAR = (
    "The image of {0} in the live release is missing, so the updater cannot check whether copies of it that an earlier "
    "rollout made ({1}) are as the live release has them. They run, and are left alone. Your traffic is not affected. "
    "To get the image again, deploy the live tag again: `updater deploy {2} --force`."
)


class FollowerWatch:
    """A missing copy is only reported: an operator may have stopped it."""

    def __init__(self, stack: Stack, ports: Ports) -> None:
        self._stack, self._ports = stack, ports
        self._tries = Counter[str]()

    async def look(self, stack: Stack) -> list[Alarm]:
        """Looks once at the followers of `stack`, the stack as the live release has it. Raises EngineFailed."""
        live = self._ports.journal.state.current
        if live is None:
            return []
        return [alarm for follower in stack.followers for alarm in await self._look(follower, live)]

    async def _look(self, follower: Follower, live: LiveRelease) -> list[Alarm]:
        try:
            seen = await live_followers.running(self._ports, follower, live)
        except ReleaseNotKept:
            return []  # the live release is older than this part of the stack file
        if seen.others:
            return [await self._replaced(follower, live, seen.others)]
        self._tries.pop(follower.service, None)
        if seen.unclear:
            text = UNCLEAR.format(follower.name, _ids(seen.unclear), live.tag)
            return [Alarm("follower_unclear", text)]
        if len(seen.live) >= seen.wanted:
            return []
        text = (
            f"{len(seen.live)} of {seen.wanted} copies of {follower.name} run. If the others were not stopped on "
            f"purpose, {commands_of(self._stack).start_again}."
        )
        return [Alarm("follower_gone", text)]

    async def _replaced(self, follower: Follower, live: LiveRelease, others: tuple[Instance, ...]) -> Alarm:
        text = f"Copies of {follower.name} from another release than the live one ran ({_ids(others)}). "
        self._tries[follower.service] += 1
        if self._tries[follower.service] > TRIES:
            return Alarm("follower_outdated", f"{text}The updater could not replace them. Stop them by hand.")
        try:
            await live_followers.restore(self._stack, self._ports, follower, live)
        except (EngineFailed, StaleWorker):
            raise
        except UpdaterError as error:
            return Alarm("follower_outdated", f"{text}They could not be replaced: {error}")
        return Alarm("follower_outdated", f"{text}The updater replaced them. Find out what started them.")


def _ids(instances: Sequence[Instance]) -> str:
    return ", ".join(instance.id[:12] for instance in instances)
