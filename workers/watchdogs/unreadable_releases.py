"""Reports accepted releases that another version of the updater recorded and this one cannot read."""

from collections.abc import Sequence

from app.domain.findings import Alarm
from app.domain.release import UnreadableRelease
from app.domain.state import State
from app.domain.tags import DatedTag, TagRule
from workers.ports import Ports
from workers.watchdogs.repeat import repeat

LOOK_SECONDS = 30.0
SHOWN = 5
"""How many of them the alarm names."""


class UnreadableReleases:
    """Looks every LOOK_SECONDS. Every other release goes on: the inbox leaves the unreadable ones out."""

    def __init__(self, ports: Ports, rule: TagRule) -> None:
        self._ports = ports
        self._rule = rule
        self._found: Sequence[UnreadableRelease] = ()

    def alarms(self) -> Sequence[Alarm]:
        """The alarm that some are set aside."""
        return [Alarm("release_unreadable", _text(self._found))] if self._found else []

    async def run(self) -> None:
        """Runs until it is cancelled, or another worker has taken over."""
        await repeat(self.look, "could not look for unreadable releases", every=LOOK_SECONDS, clock=self._ports.clock)

    async def look(self) -> None:
        """Sets the unreadable ones aside, and deletes those that can never go live. Raises LedgerUnavailable."""
        await self._ports.journal.check()
        aside, state = await self._ports.inbox.set_aside(), self._ports.journal.state
        over = [release for release in aside if _was_taken(release, state) or self._is_old(release, state)]
        await self._ports.inbox.dismiss(over)
        for release in over:
            if not _was_taken(release, state):
                reason = "the live release is not older; this version of the updater cannot read what was recorded"
                self._ports.publisher.event("release.superseded", tag=release.tag, rollout_id="", reason=reason)
        self._found = [release for release in aside if release not in over]

    def _is_old(self, release: UnreadableRelease, state: State) -> bool:
        """False if that cannot be found out: its date of publication cannot be read."""
        new, live = DatedTag(release.tag), state.current
        return live is not None and self._rule.read(new) is not None and self._rule.not_newer(new, live.dated)


def _was_taken(release: UnreadableRelease, state: State) -> bool:
    """Whether the same release came in another way, as from GitHub's list."""
    return release.key in state.known_keys


def _text(found: Sequence[UnreadableRelease]) -> str:
    named = ", ".join(map(str, found[:SHOWN])) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
    return (
        f"Another version of the updater accepted {named}, and this version cannot read what it recorded. It does not "
        "go live. Your traffic and all other releases are not affected. To roll it out, run `updater deploy TAG`, or "
        "start the version that recorded it. To drop it, delete its key from the hash `unreadable` in Redis."
    )
