"""The dashboard: one self-contained page, and the session that a login creates and a logout ends."""

import base64
import hashlib
import math
import secrets
from pathlib import Path
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from app.auth.failures import FailureLimit
from app.auth.scope import Scope
from app.auth.tokens import SESSION, sign_token
from app.web.errors import error
from app.web.internal.access import GUARD_HEADER
from app.web.internal.call import Given
from app.web.internal.caller import COOKIE, Identification

SESSION_SECONDS = 12 * 3600.0
SESSION_BYTES = 16
PAGE = Path(__file__).parent.with_name("page")

log = structlog.get_logger()


class Dashboard:
    """Serves the page. The page contains no data: it requests everything with the session."""

    def __init__(self, identification: Identification, folder: Path = PAGE) -> None:
        self._identification = identification
        self._secret, self._ledger = identification.secret, identification.ledger
        self._proxies = identification.proxies
        self._failures = FailureLimit()
        style, script = ((folder / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
        html = (folder / "page.html").read_text(encoding="utf-8")
        self._page = html.replace("{style}", style).replace("{script}", script)
        self._headers = page_headers(style, script)

    async def page(self, _: Given) -> Response:
        return HTMLResponse(self._page, headers=self._headers)

    async def log_in(self, given: Given) -> Response:
        """Exchanges the shared secret for a signed cookie that scripts cannot read, and records the session.

        After too many wrong secrets, no secret is checked for a while.
        """
        if not given.request.headers.get(GUARD_HEADER):
            return error(403, f"a login needs the header {GUARD_HEADER}", "forbidden")
        address = self._proxies.address(given.request)
        if wait := self._failures.wait(address):
            return _too_many(wait)
        if not self._secret.matches(given.body.secret):
            self._failures.add(address)
            blocked = round(self._failures.wait(address), 1)
            log.warning("login failed: wrong secret", address=address, blocked_for_seconds=blocked)
            return error(401, "Unauthorized", "unauthorized")
        return await self._open_session(given.request, address)

    async def _open_session(self, request: Request, address: str) -> Response:
        session_id = secrets.token_urlsafe(SESSION_BYTES)
        await self._ledger.open_session(session_id, SESSION_SECONDS)
        log.info("login: a session of the dashboard begins", address=address)
        answer = JSONResponse({"status": "ok", "expires_in": SESSION_SECONDS})
        session = sign_token(self._secret.keys(), Scope.OPERATE, SESSION_SECONDS, SESSION, session_id)
        answer.set_cookie(COOKIE, session, max_age=int(SESSION_SECONDS), **_cookie(self._proxies.uses_tls(request)))
        return answer

    async def log_out(self, given: Given) -> Response:
        """Ends the session for everyone who has its cookie, before the browser deletes it.

        The caller may have proved itself with a secret beside the cookie.
        """
        if session := await self._identification.session(given.request):
            await self._ledger.end_session(session)
            log.info("logout: a session of the dashboard ends", address=self._proxies.address(given.request))
        answer = JSONResponse({"status": "ok", "expires_in": 0})
        answer.delete_cookie(COOKIE, **_cookie(self._proxies.uses_tls(given.request)))
        return answer


def _too_many(wait: float) -> Response:
    seconds = math.ceil(wait)
    text = f"too many wrong secrets. The next login is checked in {seconds} s. The command line is not affected."
    return error(429, text, "too_many_failures", headers={"Retry-After": str(seconds)})


def _cookie(secure: bool) -> dict[str, Any]:
    """The attributes that scripts, other sites and, with `secure`, connections without TLS do not get past."""
    return {"httponly": True, "samesite": "strict", "secure": secure}


def page_headers(style: str, script: str) -> dict[str, str]:
    """Headers that allow only this style and script, only calls to the page's own origin, and no framing.

    https://www.w3.org/TR/CSP3/
    """
    policy = (
        "default-src 'none'",
        f"style-src '{_digest(style)}'",
        f"script-src '{_digest(script)}'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
