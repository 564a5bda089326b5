"""Accepted releases that are not in the journal yet."""

from collections.abc import Sequence
from typing import Protocol

from app.domain.release import Release


class Inbox(Protocol):
    """The accepted releases that are not in the journal yet. Raises LedgerUnavailable."""

    async def ping(self) -> None: ...
    async def pending(self) -> list[Release]: ...
    async def accept(self, release: Release) -> Release | None:
        """Records `release` as a webhook's is. None, or the one that is already recorded under the same key."""

    async def known(self) -> list[Release]:
        """Every release that was ever accepted from GitHub and is remembered, decided or not."""

    async def taken(self, releases: Sequence[Release]) -> None: ...
