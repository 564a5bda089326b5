"""Finds out who makes a call."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

import structlog
from starlette.requests import Request

from app.auth.callers import SharedSecret
from app.auth.failures import FailureLimit
from app.auth.scope import Scope
from app.auth.tokens import SESSION, claim_of
from app.ledger import Ledger
from app.web.internal.proxies import TrustedProxies

COOKIE = "updater_session"
_PORT = re.compile(r":([0-9]{1,5})$")

PROOFS = {"x-updater-secret", "authorization"}
"""If a request has one of these headers, only that header counts: a session does not make up for a wrong secret."""

log = structlog.get_logger()


class CallerKind(StrEnum):
    """What a caller proved itself with."""

    SECRET = "shared secret"  # noqa: S105 - a word for people
    TOKEN = "token"  # noqa: S105 - a word for people
    SESSION = "session"


@dataclass(frozen=True)
class Caller:
    """`name`: of the token, or of the owner of the session, if it has one. `session`: its id, None for another kind."""

    kind: CallerKind
    scope: Scope
    address: str
    name: str = ""
    session: str | None = None

    def __str__(self) -> str:
        """For people: `token nightly from 10.0.0.5`."""
        return f"{self.kind} {self.name} from {self.address}" if self.name else f"{self.kind} from {self.address}"


@dataclass(frozen=True)
class OpenSession:
    """An open session of the dashboard. `owner`: empty if it is not known."""

    id: str
    scope: Scope
    owner: str


@dataclass(frozen=True)
class Identification:
    """Checks the proof in a request. A secret or token needs no Redis, a session does."""

    secret: SharedSecret
    ledger: Ledger
    proxies: TrustedProxies
    wrong: FailureLimit = field(default_factory=FailureLimit)
    """Limits the log lines about wrong proofs. The answer is not limited: the right secret always works."""

    async def caller(self, request: Request) -> Caller | None:
        """None without a valid proof. Raises LedgerUnavailable if a session cannot be checked, SecretUnavailable."""
        if PROOFS.isdisjoint(request.headers.keys()):
            return await self._by_session(request)
        caller = self._by_header(request)
        if caller is None:
            self._note_wrong(request)
        return caller

    async def session(self, request: Request) -> OpenSession | None:
        """The open session of `request`; None if it has none. Raises LedgerUnavailable, SecretUnavailable."""
        claim = claim_of(self.secret.keys(), session_cookie(request), SESSION)
        owner = await self.ledger.session_owner(claim.name) if claim and claim.name else None
        return OpenSession(claim.name, claim.scope, owner) if claim and owner is not None else None

    async def _by_session(self, request: Request) -> Caller | None:
        session = await self.session(request)
        if session is None:
            return None
        address = self.proxies.address(request)
        return Caller(CallerKind.SESSION, session.scope, address, name=session.owner, session=session.id)

    def _by_header(self, request: Request) -> Caller | None:
        given, address = request.headers.get("x-updater-secret"), self.proxies.address(request)
        if given is not None:
            matches = self.secret.matches(_as_sent(given))
            return Caller(CallerKind.SECRET, Scope.OPERATE, address) if matches else None
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        claim = claim_of(self.secret.keys(), token.strip()) if kind.lower() == "bearer" else None
        return Caller(CallerKind.TOKEN, claim.scope, address, name=claim.name) if claim else None

    def _note_wrong(self, request: Request) -> None:
        address = self.proxies.address(request)
        if self.wrong.wait(address):
            return
        self.wrong.add(address)
        kind = CallerKind.SECRET if "x-updater-secret" in request.headers else CallerKind.TOKEN
        silent = round(self.wrong.wait(address), 1)
        log.warning("wrong secret or token", kind=kind, address=address, not_logged_for_seconds=silent)


def cookie_name(request: Request) -> str:
    """The name of the cookie that a login sets, with the port of the address that the browser shows, if it has one.

    A browser sends a host's cookies to all of its ports. With one name for all, a login to one of several updaters on
    a host would end the session at the others. https://www.rfc-editor.org/rfc/rfc6265#section-8.5
    """
    port = _PORT.search(request.headers.get("host", ""))
    return f"{COOKIE}_{port[1]}" if port else COOKIE


def session_cookie(request: Request) -> str:
    """The session's cookie, empty without one. COOKIE counts at every port, for programs that send it themselves."""
    return request.cookies.get(cookie_name(request)) or request.cookies.get(COOKIE, "")


def _as_sent(header: str) -> str:
    """Decodes a header as UTF-8, because Starlette decodes headers as latin-1 and a secret may not be ASCII."""
    return header.encode("latin-1").decode("utf-8", "surrogateescape")
