"""The dashboard: one self-contained page, and the session that a login creates."""

import base64
import hashlib
from pathlib import Path

from starlette.responses import HTMLResponse, JSONResponse, Response

from app.auth.callers import SharedSecret
from app.auth.tokens import SESSION, Scope, sign_token
from app.web.errors import error
from app.web.internal.access import COOKIE, GUARD_HEADER
from app.web.internal.call import Given

SESSION_SECONDS = 12 * 3600.0
PAGE = Path(__file__).parent.with_name("page")


class Dashboard:
    """Serves the page. The page contains no data: it requests everything with the session."""

    def __init__(self, secret: SharedSecret, folder: Path = PAGE) -> None:
        self._secret = secret
        style, script = ((folder / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
        html = (folder / "page.html").read_text(encoding="utf-8")
        self._page = html.replace("{style}", style).replace("{script}", script)
        self._headers = page_headers(style, script)

    async def page(self, _: Given) -> Response:
        return HTMLResponse(self._page, headers=self._headers)

    async def log_in(self, given: Given) -> Response:
        """Exchanges the shared secret for a signed cookie that scripts cannot read."""
        if not given.request.headers.get(GUARD_HEADER):
            return error(403, f"a login needs the header {GUARD_HEADER}", "forbidden")
        if not self._secret.matches(given.body.secret):
            return error(401, "Unauthorized", "unauthorized")
        answer = JSONResponse({"status": "ok", "expires_in": SESSION_SECONDS})
        session = sign_token(self._secret.keys(), Scope.OPERATE, SESSION_SECONDS, SESSION)
        answer.set_cookie(COOKIE, session, max_age=int(SESSION_SECONDS), httponly=True, samesite="strict")
        return answer

    async def log_out(self, _: Given) -> Response:
        answer = JSONResponse({"status": "ok", "expires_in": 0})
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer


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
