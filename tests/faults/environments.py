"""Environments for rows. Starting one is expensive, so rows share one as long as each row leaves it clean."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from deploy.demo.docker.dockerd import Dockerd
from deploy.demo.docker.engine import Engine
from deploy.demo.environment import logs_of
from deploy.demo.load import SLOW_SECONDS
from tests.faults.scenario import OnProgress, Row, is_clean, show, silent
from tests.faults.stage import SHORT, Stage, stage
from tests.faults.verdict import Result

FIRST = "v1.0.0"
LAST_LINES = 60
NO_ENVIRONMENT = "there was no environment for it"


class Environments:
    """Keeps the current environment, on `engine`; its clients' longest requests take `slow_seconds`."""

    def __init__(
        self,
        engine: Engine,
        dockerd: Dockerd | None = None,
        *,
        slow_seconds: float = SLOW_SECONDS,
        patience: float = 1.0,
    ) -> None:
        self._engine, self._dockerd, self._slow_seconds, self._patience = engine, dockerd, slow_seconds, patience
        self._open: contextlib.ExitStack | None = None
        self._stage: Stage | None = None
        self.last_words = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, where: TracebackType | None) -> None:
        self.leave()

    def leave(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open, self._stage = None, None

    def play(self, row: Row, repeat: int = 1, on_progress: OnProgress = silent) -> Result:
        """Plays the row in an environment with a live release; closes the environment if the row leaves it unclean."""
        if row.fresh or (self._stage and self._stage.home.access != row.access):
            self.leave()
        try:
            current = self._stage or self._enter(row)
            current.patience = self._patience
        except Exception as error:
            return self._no_environment(row, error)
        result = asyncio.run(show(row, current, repeat, self._slow_seconds, on_progress))
        self.last_words = logs_of(current.home, LAST_LINES) if result.problems else ""
        if row.fresh or not asyncio.run(is_clean(current)):
            self.leave()
        return result

    def _no_environment(self, row: Row, error: Exception) -> Result:
        """Returns a failed result; the next row tries to start a new environment."""
        self.last_words = logs_of(self._stage.home, LAST_LINES) if self._stage else ""
        self.leave()
        result = Result(row.number, row.fault, row.holds)
        result.expect(False, f"{NO_ENVIRONMENT}: {type(error).__name__}: {error}")
        return result

    def _enter(self, row: Row) -> Stage:
        self._open = contextlib.ExitStack()
        built = stage(self._engine, dockerd=self._dockerd, times=SHORT, access=row.access, prepare=row.prepare)
        self._stage = self._open.enter_context(built)
        first = asyncio.run(self._stage.home.go_live(FIRST))
        if first["status"] != "success":
            raise RuntimeError(f"{FIRST} did not go live: {first['error']}")
        return self._stage
