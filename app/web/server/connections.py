"""The open connections of one listener."""

import asyncio

import structlog

from app.web.server.connection import Connection

MOST_CONNECTIONS = 256
"""For each listener. Both together stay far below the 1,024 open files that a process may have by default."""

REPORT_SECONDS = 60.0
LAST_SECONDS = 1.0
"""How long ended connections have to leave when the process stops."""

log = structlog.get_logger()


class Connections:
    """At most `most` connections. If there are more, the one that has waited for its client longest is closed.

    GitHub and the updater's callers send a request at once, and read the answer. If no connection waits for its client,
    the new one is closed.
    """

    def __init__(self, listener: str, most: int) -> None:
        self._listener = listener
        self._most = most
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._reported: float | None = None

    async def serve(self, connection: Connection) -> None:
        """Serves `connection` until it closes, or closes it at once if there is no place."""
        if not self._has_place():
            self._report()
            connection.end()
            return
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine of a server runs in a task
        self._tasks.add(task)
        self._open.add(connection)
        self.waiting_changed(connection, waits=True)
        try:
            await connection.run()
        except* OSError:
            pass
        except* Exception as failed:
            log.error("a connection failed", exc_info=failed)
        finally:
            self._tasks.discard(task)
            self._forget(connection)

    def waiting_changed(self, connection: Connection, waits: bool) -> None:
        """Notes whether `connection` waits for its client, from now on."""
        self._waiting.pop(connection, None)
        if waits and connection in self._open:
            self._waiting[connection] = None

    async def close(self, seconds: float) -> None:
        """Waits at most `seconds` until every connection has closed, then ends those that are left."""
        if not self._tasks:
            return
        _, left = await asyncio.wait(self._tasks, timeout=seconds)
        if not left:
            return
        log.warning("open connections were ended; their clients may have to repeat the request", connections=len(left))
        for connection in self._open:
            connection.end()
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=LAST_SECONDS)

    def _has_place(self) -> bool:
        while len(self._open) >= self._most and self._waiting:
            longest = next(iter(self._waiting))
            self._forget(longest)
            longest.leave()
        return len(self._open) < self._most

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._waiting.pop(connection, None)

    def _report(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._reported is None or now - self._reported >= REPORT_SECONDS:
            self._reported = now
            log.warning(
                "new connections are refused: every open one has a running request",
                listener=self._listener,
                connections=self._most,
            )
