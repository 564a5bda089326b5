"""Access control: checks the secret, scope, query and body of every call."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from app.auth.callers import SharedSecret
from app.auth.tokens import SESSION, Scope, scope_of
from app.domain.errors import DeliveryRefused, LedgerUnavailable, SecretUnavailable, WorkerSilent
from app.web.body import Intake, drain
from app.web.errors import error
from app.web.internal.call import Call, Given
from app.web.internal.unknown_fields import IgnoredFields
from app.web.internal.worker_answers import WorkerRefused
from app.web.webhook.headers import check_json, check_length

MAX_BODY_BYTES = 64 * 1024
COOKIE = "updater_session"
GUARD_HEADER = "x-updater-request"
"""A page of another origin can send this header only after a CORS preflight, which the updater never allows.
https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html"""

PROOFS = {"x-updater-secret", "authorization"}
"""If a request has one of these headers, only that header counts: a session does not make up for a wrong secret."""

Endpoint = Callable[[Request], Awaitable[Response]]


class NotLetIn(Exception):
    """The caller is not allowed to make the call; `answer` says why."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


@dataclass(frozen=True)
class AccessControl:
    """Checks every call before it runs, and turns its errors into answers in the API's format."""

    secret: SharedSecret
    intake: Intake
    ignored: IgnoredFields = field(default_factory=IgnoredFields)

    def before(self, call: Call) -> Endpoint:
        """The endpoint that checks and runs `call`."""

        async def answer(request: Request) -> Response:
            try:
                self._let_in(request, call)
                return await call.answer(await self._given(request, call))
            except NotLetIn as refused:
                await drain(request)
                return refused.answer
            except WorkerRefused as refused:
                return _problem(call, refused.status, refused.text, refused.code)
            except DeliveryRefused as refused:
                return _problem(call, refused.status, refused.detail, "bad_request")
            except (LedgerUnavailable, SecretUnavailable, WorkerSilent) as away:
                return _problem(call, 503, f"{away}. Traffic is not affected.", away.code)

        return answer

    def _let_in(self, request: Request, call: Call) -> None:
        if call.scope is None:
            return
        by_session = PROOFS.isdisjoint(request.headers.keys())
        scope = scope_of_session(request, self.secret) if by_session else scope_of_caller(request, self.secret)
        if scope is None:
            raise NotLetIn(error(401, "Unauthorized", "unauthorized", headers={"WWW-Authenticate": "Bearer"}))
        if not scope.covers(call.scope):
            raise NotLetIn(error(403, f"the token's scope is {scope}, this needs {call.scope}", "forbidden"))
        if by_session and call.method == "POST" and not request.headers.get(GUARD_HEADER):
            raise NotLetIn(error(403, f"a call with a session cookie needs the header {GUARD_HEADER}", "forbidden"))

    async def _given(self, request: Request, call: Call) -> Given:
        query = _checked(call.query, dict(request.query_params)) if call.query else None
        return Given(request, query, await self._body(request, call) if call.method == "POST" else None)

    async def _body(self, request: Request, call: Call) -> BaseModel | None:
        check_length(request.headers, self.intake.cap)
        raw = await self.intake.read(request)
        if call.compat:
            self.ignored.note(call, raw)
        if call.body is None:
            return None
        if not raw.strip() and call.optional:
            return call.body()
        check_json(request.headers)
        return _checked(call.body, raw)


def _problem(call: Call, status: int, text: str, code: str) -> Response:
    return error(status, text, code, more={"status": "failed"} if call.compat else None)


def scope_of_caller(request: Request, secret: SharedSecret) -> Scope | None:
    """The scope of the shared secret or bearer token in `request`; None if it has no valid one.

    Raises SecretUnavailable.
    """
    given = request.headers.get("x-updater-secret")
    if given is not None:
        return Scope.OPERATE if secret.matches(_as_sent(given)) else None
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return scope_of(secret.keys(), token.strip()) if kind.lower() == "bearer" else None


def scope_of_session(request: Request, secret: SharedSecret) -> Scope | None:
    """The scope of the dashboard's session; None if there is none or it has expired. Raises SecretUnavailable."""
    return scope_of(secret.keys(), request.cookies.get(COOKIE, ""), SESSION)


def _as_sent(header: str) -> str:
    """Decodes a header as UTF-8, because Starlette decodes headers as latin-1 and a secret may not be ASCII."""
    return header.encode("latin-1").decode("utf-8", "surrogateescape")


def _checked(model: type[BaseModel], given: bytes | dict[str, str]) -> BaseModel:
    try:
        return model.model_validate_json(given) if isinstance(given, bytes) else model.model_validate(given)
    except ValidationError as refused:
        first = refused.errors(include_input=False, include_url=False)[0]
        where = "/".join(map(str, first["loc"])) or "body"
        text = first["msg"].removeprefix("Value error, ")
        raise DeliveryRefused(f"{where}: {text}", status=400) from None
