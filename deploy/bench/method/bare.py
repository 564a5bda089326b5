"""The smallest possible receiver: Starlette on Hypercorn checks the body's HMAC and records nothing."""

import asyncio
import hashlib
import hmac
import os

from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PORT, SECRET = "BENCH_PORT", "BENCH_SECRET"
"""Names of environment variables."""


def bare_app(secret: bytes) -> Starlette:
    """Answers 200 to a body that `secret` has signed, else 401."""

    async def receive(request: Request) -> Response:
        signature = hmac.new(secret, await request.body(), hashlib.sha256).hexdigest()
        right = hmac.compare_digest(f"sha256={signature}", request.headers.get("x-hub-signature-256", ""))
        return JSONResponse({"status": "ok" if right else "refused"}, 200 if right else 401)

    return Starlette(routes=[Route("/webhooks/github", receive, methods=["POST"])])


def main() -> None:
    config = Config()
    config.bind = [f"127.0.0.1:{os.environ[PORT]}"]
    config.accesslog = config.errorlog = None
    config.include_server_header = False
    asyncio.run(serve(bare_app(os.environ[SECRET].encode()), config))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
