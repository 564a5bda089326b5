"""Accepted releases that are not in the journal yet."""

from collections.abc import Sequence
from typing import Protocol

from app.domain.release import Release


class Inbox(Protocol):
    """Every call raises LedgerUnavailable if Redis does not answer."""

    async def ping(self) -> None: ...
    async def pending(self) -> list[Release]: ...
    async def accept(self, release: Release) -> Release | None:
        """Records `release` as a webhook would. Returns the release already recorded under the same key, or None."""

    async def known(self) -> list[Release]:
        """Every remembered release that was accepted from GitHub, decided or not, and the undecided manual ones."""

    async def taken(self, releases: Sequence[Release]) -> None: ...
