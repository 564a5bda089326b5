"""Serves an application on one listener until the process stops."""

import asyncio
import contextlib

from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from starlette.types import ASGIApp

from app.web.server.connection import Connection
from app.web.server.connections import MOST_CONNECTIONS, Connections

GRACEFUL_SECONDS = 10.0
"""Time after the signal to answer running requests and close their connections."""


def listener(bind: str) -> Config:
    """Hypercorn's settings for `bind`."""
    config = Config()
    config.bind = [bind]
    config.graceful_timeout = GRACEFUL_SECONDS
    config.accesslog = None  # Hypercorn's own writes a forged newline as a real one
    config.errorlog = None
    config.include_server_header = False
    return config


async def serve(app: ASGIApp, config: Config, closing: asyncio.Event, most: int = MOST_CONNECTIONS) -> None:
    """Serves `app` on at most `most` connections until `closing` is set; then waits for the running requests.

    Used instead of hypercorn.asyncio.serve, which limits neither connections nor writes. `app` gets no lifespan events.
    """
    context, connections = WorkerContext(None), Connections(config.bind[0], most)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # asyncio logs it with a trace, on Python 3.11
            await connections.serve(Connection(app, config, context, (reader, writer), connections.waiting_changed))

    sockets = config.create_sockets().insecure_sockets
    servers = [await asyncio.start_server(connected, sock=sock, backlog=config.backlog) for sock in sockets]
    try:
        await closing.wait()
    finally:
        for server in servers:
            server.close()
        await context.terminated.set()
        await connections.close(config.graceful_timeout)
