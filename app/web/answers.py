"""The shape of every error answer, and bodies read under a cap and a deadline."""

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from app.domain.errors import DeliveryRefused

BODY_SECONDS = 5.0
"""How long a body may take in all; GitHub sends its own within milliseconds."""


def error(status: int, text: str, code: str, **headers: str) -> Response:
    """`{"error": text, "code": code}` with `status`."""
    return JSONResponse({"error": text, "code": code}, status, headers)


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
