"""Access control: checks the proof, scope, query and body of every call."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import DeliveryRefused, LedgerUnavailable, SecretUnavailable, WorkerSilent
from app.web.body import Intake, drain
from app.web.errors import error
from app.web.internal.call import Call, Given
from app.web.internal.caller import Caller, CallerKind, Identification
from app.web.internal.change_record import ChangeRecord
from app.web.internal.unknown_fields import IgnoredFields
from app.web.internal.worker_answers import WorkerRefused
from app.web.webhook.headers import check_json, check_length

MAX_BODY_BYTES = 64 * 1024
GUARD_HEADER = "x-updater-request"
"""A page of another origin can send this header only after a CORS preflight, which the updater never allows.
https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html"""

Endpoint = Callable[[Request], Awaitable[Response]]


class NotLetIn(Exception):
    """The caller is not allowed to make the call; `answer` says why."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


@dataclass(frozen=True)
class AccessControl:
    """Checks every call before it runs, and turns its errors into answers in the API's format."""

    identification: Identification
    intake: Intake
    record: ChangeRecord
    ignored: IgnoredFields = field(default_factory=IgnoredFields)

    def before(self, call: Call) -> Endpoint:
        """The endpoint that checks and runs `call`."""

        async def answer(request: Request) -> Response:
            given = None
            try:
                caller = await self._let_in(request, call)
                given = await self._given(request, call, caller)
                await self.record.requested(call, given)
                return await call.answer(given)
            except NotLetIn as refused:
                await drain(request)
                return refused.answer
            except WorkerRefused as refused:
                return self._problem(call, given, refused.status, refused.text, refused.code)
            except DeliveryRefused as refused:
                return self._problem(call, given, refused.status, refused.detail, "bad_request")
            except (LedgerUnavailable, SecretUnavailable, WorkerSilent) as away:
                return self._problem(call, given, 503, f"{away}. Traffic is not affected.", away.code)

        return answer

    async def _let_in(self, request: Request, call: Call) -> Caller | None:
        if call.scope is None:
            return None
        caller = await self.identification.caller(request)
        if caller is None:
            raise NotLetIn(error(401, "Unauthorized", "unauthorized", headers={"WWW-Authenticate": "Bearer"}))
        if not caller.scope.covers(call.scope):
            text = f"the scope of this {caller.kind} is {caller.scope}, this needs {call.scope}"
            raise NotLetIn(error(403, text, "forbidden"))
        by_session = caller.kind is CallerKind.SESSION
        if by_session and call.method == "POST" and not request.headers.get(GUARD_HEADER):
            raise NotLetIn(error(403, f"a call with a session cookie needs the header {GUARD_HEADER}", "forbidden"))
        return caller

    async def _given(self, request: Request, call: Call, caller: Caller | None) -> Given:
        query = _checked(call.query, dict(request.query_params)) if call.query else None
        body = await self._body(request, call) if call.method == "POST" else None
        return Given(request, query, body, caller)

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

    def _problem(self, call: Call, given: Given | None, status: int, text: str, code: str) -> Response:
        self.record.refused(call, given, status, code)
        return error(status, text, code, more={"status": "failed"} if call.compat else None)


def _checked(model: type[BaseModel], given: bytes | dict[str, str]) -> BaseModel:
    try:
        return model.model_validate_json(given) if isinstance(given, bytes) else model.model_validate(given)
    except ValidationError as refused:
        first = refused.errors(include_input=False, include_url=False)[0]
        where = "/".join(map(str, first["loc"])) or "body"
        text = first["msg"].removeprefix("Value error, ")
        raise DeliveryRefused(f"{where}: {text}", status=400) from None
