"""Sends the trace of each ended rollout. A collector that hangs or is away delays and fails no rollout."""

import queue
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog

from app.domain.long_lines import brief
from app.domain.rollout import Rollout
from app.domain.trace import Trace, trace_of
from workers.adapters.redaction import Hide
from workers.adapters.threads import in_file_thread

WAITING_MOST = 20
"""How many traces wait for a slow collector at most. Beyond that, new ones are dropped."""

CLOSE_SECONDS = 2.0
"""How long the worker's end waits for the traces that are not sent yet."""

Send = Callable[[Trace], bool]
"""Sends one trace; blocks until it is sent or given up, and returns whether it was sent."""

log = structlog.get_logger()


class TraceExport:
    """`open_sender` is called in the thread, before the first trace: it may import for a second."""

    def __init__(self, open_sender: Callable[[], Send], *, hide: Hide = lambda value: value) -> None:
        self._open_sender = open_sender
        self._hide = hide
        self._waiting: queue.Queue[Rollout | None] = queue.Queue(WAITING_MOST)
        self._thread: threading.Thread | None = None

    def ended(self, rollout: Rollout) -> None:
        if rollout.trace_id is None:
            return
        try:
            self._start()
            self._waiting.put_nowait(rollout)
        except queue.Full:
            self._lost(rollout, "too many traces wait for the collector")
        except RuntimeError as error:  # the machine has no thread left; the next rollout tries again
            self._lost(rollout, str(error))

    def _start(self) -> None:
        """Starts the thread before the first trace. Raises RuntimeError."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="traces", daemon=True)
            thread.start()
            self._thread = thread

    async def aclose(self) -> None:
        """Waits CLOSE_SECONDS at most for what is not sent yet."""
        if self._thread is None:
            return
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        await in_file_thread(self._thread.join, CLOSE_SECONDS)

    def _run(self) -> None:
        send: Send | None = None
        while (rollout := self._waiting.get()) is not None:
            try:
                send = send or self._open_sender()
                trace = trace_of(self._redacted(rollout))
                if trace is not None and not send(trace):
                    self._lost(rollout, "the collector did not take it")
            except Exception as error:  # the SDK may raise any exception
                self._lost(rollout, f"{type(error).__name__}: {error}")

    def _redacted(self, rollout: Rollout) -> Rollout:
        """Redacted before anything is encoded, and then shortened: otherwise a secret would not be recognized."""

        def hidden(value: Any) -> Any:
            return brief(self._hide(value))

        steps = (replace(s, evidence=hidden(dict(s.evidence)), error=hidden(s.error)) for s in rollout.steps)
        warnings = tuple(hidden(list(rollout.warnings)))
        return replace(rollout, steps=tuple(steps), error=hidden(rollout.error), warnings=warnings)

    def _lost(self, rollout: Rollout, reason: str) -> None:
        log.warning(
            "the trace of a rollout was not sent; the rollout is not affected",
            rollout_id=rollout.id,
            trace_id=rollout.trace_id,
            reason=reason,
        )
