"""The format of every error answer."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 30


def error(
    status: int,
    text: str,
    code: str,
    *,
    more: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer `{"error": text, "code": code}` with the fields `more` and the HTTP status."""
    again = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    content = {"error": text, "code": code, **(more or {})}
    return JSONResponse(content, status, {**again, **(headers or {})})


async def refused(_: Request, problem: Exception) -> Response:
    """Answers an unknown path or method in the format of every other error."""
    assert isinstance(problem, HTTPException)  # noqa: S101 - registered for this type only
    code = problem.detail.lower().replace(" ", "_")
    return error(problem.status_code, problem.detail, code, headers=problem.headers)


async def failed(request: Request, problem: Exception) -> Response:
    """Logs an internal error; the caller gets no details."""
    log.error("request failed", path=request.url.path, exc_info=problem)
    return error(500, "the updater has an internal error; its log has details", "internal_error")


HANDLERS: dict[Any, Any] = {HTTPException: refused, Exception: failed}


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers 404 if no route matches; for a websocket too, which would otherwise get 403."""
    await error(404, "Not Found", "not_found")(scope, receive, send)
