"""The sample API, which speaks HTTP/2 without TLS: the same answers as stack/api/app.py, on Hypercorn."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from hypercorn.asyncio import serve
from hypercorn.config import Config

VERSION = Path(os.environ.get("VERSION_FILE", "/srv/VERSION")).read_text().strip()


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    about = {"service": "api", "version": VERSION, "color": os.environ["COLOR"]}
    about["http"] = scope["http_version"]
    if scope["path"] == "/slow":
        await asyncio.sleep(float(parse_qs(scope["query_string"].decode())["seconds"][0]))
    if scope["path"] == "/echo":
        about["echo"] = await _body(receive)
    content = json.dumps(about).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _body(receive: Any) -> str:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body.decode()


async def main() -> None:
    config, stopping = Config(), asyncio.Event()
    config.bind, config.graceful_timeout = ["0.0.0.0:8443"], 15.0
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await serve(app, config, shutdown_trigger=stopping.wait)  # type: ignore[arg-type]


if __name__ == "__main__":
    asyncio.run(main())
