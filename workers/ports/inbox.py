"""Accepted releases that are not in the journal yet."""

from collections.abc import Collection, Sequence
from typing import Protocol

from app.domain.acceptance.ignored import IgnoredRelease
from app.domain.release import Release, UnreadableRelease
from app.domain.withdrawal import Withdrawal


class Inbox(Protocol):
    """Every call raises LedgerUnavailable if Redis does not answer."""

    async def ping(self) -> None: ...
    async def pending(self) -> list[Release]:
        """The accepted releases, oldest first, without those that this version of the updater cannot read."""

    async def accept(self, release: Release) -> Release | None:
        """Records `release` as a webhook would. Returns the release already recorded under the same key, or None.

        One that was withdrawn is not recorded, and is returned with the rollout id WITHDRAWN.
        """

    async def withdraw(self, withdrawal: Withdrawal) -> None:
        """Records as a webhook would that a release was withdrawn on GitHub."""

    async def withdrawals(self) -> list[Withdrawal]:
        """The last releases that were withdrawn, oldest first. One that was accepted again since is not in it."""

    async def known(self) -> list[Release]:
        """Every remembered release that was accepted from GitHub, decided or not, and the undecided manual ones."""

    async def ignore(self, release: IgnoredRelease) -> None:
        """Records an ignored release, for people."""

    async def ignored(self) -> list[IgnoredRelease]:
        """The last ignored releases, newest first, without those that this version of the updater cannot read."""

    async def taken(self, releases: Sequence[Release]) -> None: ...
    async def set_aside(self) -> list[UnreadableRelease]:
        """Sets aside, unchanged, the accepted releases that cannot be read, and returns all that are set aside.

        One that can be read again is pending again.
        """

    async def dismiss(self, releases: Collection[UnreadableRelease]) -> None:
        """Deletes releases that were set aside."""
