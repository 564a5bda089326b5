"""The run of the rollout that is in the journal, with the stack as its release and the one before it have it."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from app.domain.release import Release
from app.domain.release_stack import as_of, brought_back
from app.domain.stack import Stack
from app.domain.trace import trace_id_of
from app.logs import named_in_log
from workers.adoption import drift
from workers.ports import Ports
from workers.rollout.run import Run


class CurrentRun:
    """`was_withdrawn` and `pause_on_failure`: as for `Run`."""

    def __init__(
        self,
        stack: Stack,
        ports: Ports,
        *,
        was_withdrawn: Callable[[Release], Awaitable[bool]],
        pause_on_failure: bool,
    ) -> None:
        self._stack = stack
        self._ports = ports
        self._was_withdrawn = was_withdrawn
        self._pause_on_failure = pause_on_failure
        self._run: Run | None = None

    @property
    def run(self) -> Run | None:
        """The run that operators' calls reach, a recovered one too; None while the journal has no rollout."""
        return self._run if self._ports.journal.state.rollout is not None else None

    @contextlib.asynccontextmanager
    async def of(self, release: Release, sha: str | None) -> AsyncIterator[Run]:
        """The run, from before its rollout is in the journal until it has ended.

        `sha`: the commit of a definition that is used as it is: the stack file may have changed since it was made.
        """
        recalled = release.recall is not None
        roles = await self._ports.engine.roles_of(sha, proven=recalled) if sha else {}
        stack = (brought_back if recalled else as_of)(self._stack, roles)
        self._run = Run(
            stack,
            self._ports,
            was_withdrawn=self._was_withdrawn,
            origin=await self._origin(),
            pause_on_failure=self._pause_on_failure,
        )
        try:
            with named_in_log(release.rollout_id, self.trace_id(release)):
                yield self._run
        finally:
            self._run = None

    def trace_id(self, release: Release) -> str | None:
        """The id of the rollout's trace: the journal's, if it has begun already. None if nothing is traced."""
        if (begun := self._ports.journal.state.rollout) is not None:
            return begun.trace_id
        return trace_id_of(release.rollout_id) if self._ports.tracing is not None else None

    async def _origin(self) -> Stack:
        """The stack as the release has it that was live when the rollout in the journal began, or that is live now."""
        rollout = self._ports.journal.state.rollout
        if rollout is None:
            return await drift.live_stack(self._stack, self._ports)
        before = rollout.previous
        return await drift.stack_of(self._stack, self._ports, before.sha) if before else self._stack
