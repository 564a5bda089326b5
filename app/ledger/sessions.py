"""The dashboard's open sessions."""

from app.ledger.base import LedgerPart, now, translated


class Sessions(LedgerPart):
    """`session:<id>`: exists as long as the session is valid. If Redis loses it, its owner has to log in again."""

    async def open_session(self, session_id: str, seconds: float) -> None:
        async with translated():
            await self._redis.set(self.key(f"session:{session_id}"), now(), ex=round(seconds))

    async def end_session(self, session_id: str) -> None:
        async with translated():
            await self._redis.delete(self.key(f"session:{session_id}"))

    async def is_open_session(self, session_id: str) -> bool:
        async with translated():
            return bool(await self._redis.exists(self.key(f"session:{session_id}")))
