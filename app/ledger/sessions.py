"""The dashboard's open sessions, and the login links that were used."""

import json
import math

from app.ledger.base import LedgerPart, json_object, now, translated


class Sessions(LedgerPart):
    """`session:<id>` (JSON) and `login:<id>`: exist as long as the session, or the used link, is valid.

    If Redis loses a session, its owner has to log in again.
    """

    async def open_session(self, session_id: str, seconds: float, name: str = "") -> None:
        """`name`: of its owner, empty if that is not known."""
        opened = json.dumps({"since": now(), "name": name})
        async with translated():
            await self._redis.set(self.key(f"session:{session_id}"), opened, ex=round(seconds))

    async def session_owner(self, session_id: str) -> str | None:
        """The name of the open session's owner, empty if that is not known; None if it is not open."""
        async with translated():
            opened = await self._redis.get(self.key(f"session:{session_id}"))
        return None if opened is None else str((json_object(opened) or {}).get("name") or "")

    async def use_login(self, login_id: str, seconds: float) -> bool:
        """Uses the link, which is valid for another `seconds`. False if it was used before."""
        async with translated():
            return bool(await self._redis.set(self.key(f"login:{login_id}"), now(), ex=math.ceil(seconds) + 1, nx=True))

    async def end_session(self, session_id: str) -> None:
        async with translated():
            await self._redis.delete(self.key(f"session:{session_id}"))

    async def is_open_session(self, session_id: str) -> bool:
        async with translated():
            return bool(await self._redis.exists(self.key(f"session:{session_id}")))
