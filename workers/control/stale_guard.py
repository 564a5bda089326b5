"""Stops a replaced worker: checks the journal's epoch before every mutation of a port."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from workers.ports import Journal
from workers.ports.mutation import mutates

P = TypeVar("P")


def guarded(port: type[Any], adapter: P, journal: Journal) -> P:
    """Wraps `adapter` of `port`: its mutations raise StaleWorker when another worker has taken over."""
    return cast("P", _Guarded(port, adapter, journal))


class _Guarded:
    def __init__(self, port: type[Any], adapter: Any, journal: Journal) -> None:
        self._port, self._adapter, self._journal = port, adapter, journal

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._adapter, name)
        return self._checked(found) if mutates(self._port, name) else found

    def _checked(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def checked(*args: Any, **options: Any) -> Any:
            await self._journal.check()
            return await call(*args, **options)

        return checked
