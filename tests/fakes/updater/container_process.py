"""A container in memory as its process: the engine starts it again whenever it ends, unless it was stopped."""

import asyncio
from collections.abc import Callable

from tests.fakes.processes import Process

RESTART_SECONDS = 1.0
GRACE_SECONDS = 40.0
"""`stop_grace_period` of the worker in deploy/docker-compose.yml."""


class ContainerProcess:
    """Subclasses say in `_run` what the process does.

    `unexpected` is called with each error that the process has no name for, `started` when a process has started.
    `restarts`: how often the engine started it again.
    """

    def __init__(
        self,
        name: str,
        *,
        unexpected: Callable[[BaseException], object] = lambda _: None,
        started: Callable[[], object] = lambda: None,
    ) -> None:
        self.name = name
        self.process: Process | None = None
        self.restarts = 0
        self._unexpected, self._started = unexpected, started
        self._wanted = self._stopped = False
        self._count = 0
        self._main: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.alive

    def start(self) -> None:
        """Starts the process, unless it runs."""
        self._wanted, self._stopped = True, False
        if self.alive:
            return
        self._count += 1
        self._prepare()
        self.process = process = Process(f"{self.name}.{self._count}")
        self._main = process.spawn(self._run())
        self._main.add_done_callback(lambda main: self._ended(process, main))
        self._started()

    def create(self) -> None:
        """Starts the process of a new container."""
        self.restarts = 0
        self.start()

    def come_back(self) -> None:
        """Starts the process with the engine, unless the container was stopped."""
        if not self._stopped:
            self.start()

    def kill(self, restart: float | None = RESTART_SECONDS) -> None:
        """kill -9. The process starts again after `restart` seconds; None, or a stopped container: it stays down."""
        self._wanted = restart is not None and not self._stopped
        self._end(self.process, restart or 0.0)

    def terminate(self, restart: float | None = RESTART_SECONDS, grace: float = GRACE_SECONDS) -> None:
        """SIGTERM, and kill -9 after `grace` seconds."""
        self._wanted = restart is not None and not self._stopped
        if self._main is not None and self.alive:
            self._main.cancel()
            asyncio.get_running_loop().call_later(grace, self._end, self.process, RESTART_SECONDS)

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Stops the container: the engine does not restart it."""
        self._stopped = True
        self.terminate(None, grace)

    def _prepare(self) -> None:
        """What is forgotten when a process starts."""

    async def _run(self) -> None:
        raise NotImplementedError

    def _end(self, process: Process | None, restart: float) -> None:
        """Ends the process, and has it started again if it is wanted."""
        if process is None or not process.alive:
            return
        process.kill()
        asyncio.get_running_loop().call_later(restart, self._restart)

    def _restart(self) -> None:
        if self._wanted and not self.alive:
            self.restarts += 1
            self.start()

    def _ended(self, process: Process, main: "asyncio.Task[None]") -> None:
        if not main.cancelled() and (error := main.exception()) is not None:
            self._unexpected(error)
        self._end(process, RESTART_SECONDS)
