"""The dashboard's open sessions, and the login links that were used."""

import json
import math
from collections.abc import Awaitable
from typing import cast

from app.ledger.base import LedgerPart, json_object, now, translated

# Atomic: a link is used up only together with the session that it opens. A repetition for the same session is no second
# use: the client repeats a call whose answer it did not get. https://redis.io/docs/latest/develop/programmability/eval-intro/
_USE_LOGIN = """
local login, session = unpack(KEYS)
local id, opened, login_seconds, session_seconds = unpack(ARGV)
local used_for = redis.call('GET', login)
if used_for and used_for ~= id then return 0 end
redis.call('SET', login, id, 'EX', login_seconds)
redis.call('SET', session, opened, 'EX', session_seconds)
return 1
"""


class Sessions(LedgerPart):
    """`session:<id>` (JSON) and `login:<id>`: exist as long as the session, or the used link, is valid.

    If Redis loses a session, its owner has to log in again.
    """

    async def open_session(self, session_id: str, seconds: float, name: str = "") -> None:
        """`name`: of its owner, empty if that is not known."""
        async with translated():
            await self._redis.set(self.key(f"session:{session_id}"), _opened(name), ex=round(seconds))

    async def session_owner(self, session_id: str) -> str | None:
        """The name of the open session's owner, empty if that is not known; None if it is not open."""
        async with translated():
            opened = await self._redis.get(self.key(f"session:{session_id}"))
        return None if opened is None else str((json_object(opened) or {}).get("name") or "")

    async def use_login(self, login_id: str, valid: float, session_id: str, seconds: float, name: str = "") -> bool:
        """Uses the link, which is `valid` for another time in seconds, and opens the session: both, or neither.

        False if the link was used before, for another session.
        """
        keys = [self.key(f"login:{login_id}"), self.key(f"session:{session_id}")]
        args = [session_id, _opened(name), str(math.ceil(valid) + 1), str(round(seconds))]
        async with translated():
            return bool(await cast(Awaitable[int], self._redis.eval(_USE_LOGIN, len(keys), *keys, *args)))

    async def end_session(self, session_id: str) -> None:
        async with translated():
            await self._redis.delete(self.key(f"session:{session_id}"))

    async def is_open_session(self, session_id: str) -> bool:
        async with translated():
            return bool(await self._redis.exists(self.key(f"session:{session_id}")))


def _opened(name: str) -> str:
    """What is kept of a session."""
    return json.dumps({"since": now(), "name": name})
