"""The sessions of the dashboard: a login creates one, a logout ends it."""

import math
import secrets
import time
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.responses import Session
from app.auth.failures import FailureLimit
from app.auth.scope import Scope
from app.auth.tokens import LOGIN, SESSION, Claim, claim_of, sign_token
from app.domain.errors import LedgerUnavailable
from app.web.errors import error
from app.web.internal.access import GUARD_HEADER
from app.web.internal.call import Given
from app.web.internal.caller import Identification, cookie_name, session_cookie

SESSION_SECONDS = 12 * 3600.0
ID_BYTES = 16

log = structlog.get_logger()


class Sessions:
    """Logs in with the shared secret, or with a link of `updater token --login`, which works once."""

    def __init__(self, identification: Identification) -> None:
        self._identification = identification
        self._secret, self._ledger = identification.secret, identification.ledger
        self._proxies = identification.proxies
        self._unfinished: dict[str, str] = {}
        """By the id of a login link: the session that Redis may have opened with it, without an answer."""
        self.failures = FailureLimit()

    async def log_in(self, given: Given) -> Response:
        """Exchanges the proof for a signed cookie that scripts cannot read, and records the session.

        After too many wrong proofs, none is checked for a while.
        """
        if not given.request.headers.get(GUARD_HEADER):
            return error(403, f"a login needs the header {GUARD_HEADER}", "forbidden")
        address = self._proxies.address(given.request)
        if wait := self.failures.wait(address):
            return _too_many(wait)
        if given.body.link is not None:
            return await self._by_link(given.request, address, given.body.link)
        if not self._secret.matches(given.body.secret or ""):
            return self._wrong(address, "wrong secret")
        await self._ledger.open_session(session_id := _new_id(), SESSION_SECONDS)
        return self._opened(given.request, address, session_id, Scope.OPERATE)

    async def _by_link(self, request: Request, address: str, link: str) -> Response:
        claim = claim_of(self._secret.keys(), link, LOGIN)
        if claim is None or not claim.id:
            return self._wrong(address, "invalid or expired link")
        session_id = self._unfinished.pop(claim.id, None) or _new_id()
        try:
            valid = claim.expires - time.time()
            first = await self._ledger.use_login(claim.id, valid, session_id, SESSION_SECONDS, claim.name)
        except LedgerUnavailable:
            self._unfinished[claim.id] = session_id  # so that the link still works when Redis is back
            raise
        if not first:
            return self._wrong(address, "used link")
        return self._opened(request, address, session_id, claim.scope, claim.name)

    def _wrong(self, address: str, why: str) -> Response:
        self.failures.add(address)
        blocked = round(self.failures.wait(address), 1)
        log.warning(f"login failed: {why}", address=address, blocked_for_seconds=blocked)
        return error(401, "Unauthorized", "unauthorized")

    def _opened(self, request: Request, address: str, session_id: str, scope: Scope, name: str = "") -> Response:
        log.info("login: a session of the dashboard begins", address=address, scope=scope, name=name)
        answer = JSONResponse({"status": "ok", "expires_in": SESSION_SECONDS})
        session = sign_token(self._secret.keys(), scope, SESSION_SECONDS, SESSION, session_id)
        secure = self._proxies.uses_tls(request)
        answer.set_cookie(cookie_name(request), session, max_age=int(SESSION_SECONDS), **_cookie(secure))
        return answer

    async def who(self, given: Given) -> Response:
        """Who the caller is, and what the caller may do. Also without a proof, so that the page can ask for one."""
        caller, claim = await self._identification.caller(given.request), self._claim(given.request)
        if caller is None:
            return JSONResponse(Session().as_json(), headers={"Cache-Control": "no-store"})
        left = round(claim.expires - time.time(), 1) if claim and caller.session else None
        answer = Session(kind=caller.kind, scope=caller.scope, name=caller.name, expires_in=left)
        return JSONResponse(answer.as_json(), headers={"Cache-Control": "no-store"})

    async def log_out(self, given: Given) -> Response:
        """Ends the session for everyone who has its cookie, before the browser deletes it.

        The caller may have proved itself with a secret beside the cookie.
        """
        if session := await self._identification.session(given.request):
            await self._ledger.end_session(session.id)
            log.info("logout: a session of the dashboard ends", address=self._proxies.address(given.request))
        answer = JSONResponse({"status": "ok", "expires_in": 0})
        answer.delete_cookie(cookie_name(given.request), **_cookie(self._proxies.uses_tls(given.request)))
        return answer

    def _claim(self, request: Request) -> Claim | None:
        return claim_of(self._secret.keys(), session_cookie(request), SESSION)


def _new_id() -> str:
    return secrets.token_urlsafe(ID_BYTES)


def _too_many(wait: float) -> Response:
    seconds = math.ceil(wait)
    text = f"too many failed logins. The next login is checked in {seconds} s. The command line is not affected."
    return error(429, text, "too_many_failures", headers={"Retry-After": str(seconds)})


def _cookie(secure: bool) -> dict[str, Any]:
    """The attributes that scripts, other sites and, with `secure`, connections without TLS do not get past."""
    return {"httponly": True, "samesite": "strict", "secure": secure}
