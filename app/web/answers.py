"""The shape of every error answer, and bodies read under a cap and a deadline."""

import asyncio
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from app.domain.errors import DeliveryRefused

log = structlog.get_logger()

BODY_SECONDS = 5.0
"""How long a body may take in all; GitHub sends its own within milliseconds."""


def error(status: int, text: str, code: str, **headers: str) -> Response:
    """`{"error": text, "code": code}` with `status`."""
    return JSONResponse({"error": text, "code": code}, status, headers)


async def refused(_: Request, problem: Exception) -> Response:
    """An unknown path, or a method that it does not have, in the shape of every other error."""
    assert isinstance(problem, HTTPException)  # noqa: S101 - it is registered for nothing else
    code = problem.detail.lower().replace(" ", "_")
    return error(problem.status_code, problem.detail, code, **(problem.headers or {}))


async def failed(request: Request, problem: Exception) -> Response:
    """A fault of our own: told in the log, and no more than that to the caller."""
    log.error("request failed", path=request.url.path, exc_info=problem)
    return error(500, "the updater has a fault of its own; its log has more", "internal_error")


HANDLERS: dict[Any, Any] = {HTTPException: refused, Exception: failed}


async def read_body(request: Request, cap: int) -> bytes:
    """The body, of at most `cap` bytes within BODY_SECONDS. Raises DeliveryRefused (408, 413, 400)."""
    if int(request.headers.get("content-length") or 0) > cap:
        raise DeliveryRefused(f"the body is larger than {cap} bytes", status=413)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > cap:
                    raise DeliveryRefused(f"the body is larger than {cap} bytes", status=413)
    except TimeoutError as late:
        raise DeliveryRefused(f"the body took longer than {BODY_SECONDS:.0f} s", status=408) from late
    except ClientDisconnect as gone:
        raise DeliveryRefused("the client went away in the middle of the body", status=400) from gone
    return bytes(body)
