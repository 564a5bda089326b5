"""Compares the release that should be live with the one that is, and closes the difference.

The nudge, the worker's start, its own timer and the manual call all end here, so a duplicate, a reordering, a lost
job, a crash and a missed webhook are all the same case.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import structlog

from app.api.status import Held
from app.config.release_policy import ReleasePolicy
from app.domain.acceptance.decision import Decision, HeldRelease, overtakes
from app.domain.errors import AdoptionRefused, StaleWorker, Superseded, UpdaterError
from app.domain.release import Release
from app.domain.rollout import Rollout
from app.domain.stack import Color, Stack, Supersede
from app.domain.state import State
from workers.adoption import drift
from workers.control import dropped
from workers.control.current_run import CurrentRun
from workers.control.intake import Intake
from workers.control.last_check import LastCheck
from workers.control.lost_journal.lost_rollout import end_lost_rollout
from workers.control.lost_journal.rebuild import rebuild
from workers.control.lost_journal.undecided import accept_undecided
from workers.control.published_file import leave_out_retired, publish_live
from workers.control.reality import Reality
from workers.ports import Ports
from workers.ports.github import GitHubApi
from workers.rollout.pipeline import roll_out
from workers.rollout.recovery import recover
from workers.rollout.run import Run

AGAIN_SECONDS = 5.0
"""How soon a rollout goes on that something cut off: clients may be on a release that is being rolled back."""

log = structlog.get_logger()


class Reconciler:
    """Runs one rollout at a time. A call during a rollout makes the reconciler look again at its end.

    `succeeds` returns whether a replacement of the updater has begun and not ended. Then no rollout begins: the
    successor may end this worker at any moment, and may restore the journal as it was before. `github` is asked
    once more before a release that waited begins.
    """

    def __init__(
        self,
        stack: Stack,
        ports: Ports,
        *,
        policy: ReleasePolicy = ReleasePolicy(),  # noqa: B008 - it is frozen
        pause_on_failure: bool = True,
        succeeds: Callable[[], bool] = lambda: False,
        github: GitHubApi | None = None,
    ) -> None:
        self._stack = stack
        self._ports = ports
        self.policy = policy
        self._held: frozenset[HeldRelease] = frozenset()
        self._succeeds = succeeds
        self._turn = asyncio.Lock()
        self._again = False
        self._looking = False
        self._taken_over = asyncio.Event()
        self._reality = Reality(stack, ports)
        self._intake = Intake(stack, ports, lambda: self.running)
        self._last_check = LastCheck(stack, ports, github, approval=policy.approval)
        self._current = CurrentRun(
            stack, ports, was_withdrawn=self._last_check.was_withdrawn, pause_on_failure=pause_on_failure
        )
        self.replaced = False

    async def start(self) -> None:
        """Runs before any job: ends what a crash left, and finds out what is live."""
        async with self._turn:
            await rebuild(self._stack, self._ports)
            await self._ports.journal.update(lambda s: s.take_over())
            self._taken_over.set()
            await end_lost_rollout(self._stack, self._ports)
            await dropped.report(self._ports)
            await self._ports.publisher.rebuild(always=True)
            await self._end_left_over()
            await self._reality.adopt()
            await self._reality.see_route()
            await publish_live(self._ports)
            await leave_out_retired(self._ports)
            self._ports.publisher.status(self._ports.journal.state)

    async def taken_over(self) -> None:
        """Waits until the journal is this worker's, early in `start`: before that, no call may change it."""
        await self._taken_over.wait()

    async def reconcile(self) -> None:
        """Rolls out wanted releases until none is left.

        Returns at once if another call does that already. A running rollout may give way to a newer release.
        """
        self._again = True
        if self._looking:
            await self._overtake()
            return
        self._looking = True
        try:
            async with self._turn:
                await self._look()
        except StaleWorker:
            self.replaced = True
            raise
        finally:
            self._looking = False

    async def _look(self) -> None:
        while self._again and not self._succeeds():
            self._again = False
            try:
                await self._close_difference()
            except StaleWorker:
                raise
            except (OSError, UpdaterError) as error:
                if not self.busy:
                    raise
                await self._continue_soon(error)

    async def _continue_soon(self, error: Exception) -> None:
        """Waits before the rollout in the journal goes on: a full disk may have cut off its rollback."""
        log.error("a rollout was cut off; it goes on soon", reason=str(error), seconds=AGAIN_SECONDS)
        self._again = True
        await self._ports.clock.sleep(AGAIN_SECONDS)

    @contextlib.asynccontextmanager
    async def quiet(self) -> AsyncIterator[bool]:
        """Yields whether no rollout runs. If so, none begins during the block."""
        if self.busy or self._turn.locked():
            yield False
            return
        async with self._turn:
            yield True

    @property
    def running(self) -> Run | None:
        """The run of the rollout that is in the journal, a recovered one too."""
        return self._current.run

    @property
    def refused(self) -> AdoptionRefused | None:
        """Why what serves could not be adopted; None if nothing was refused."""
        return self._reality.refused

    @property
    def busy(self) -> bool:
        """Whether the journal has a rollout: one that runs, or one that has yet to be ended."""
        return self._ports.journal.state.rollout is not None

    def look_again(self) -> None:
        """Requests another look: the current one may have missed the latest change."""
        self._again = True

    async def _close_difference(self) -> None:
        await self._ports.publisher.rebuild()
        await accept_undecided(self._ports, self._stack.tags)
        await self._end_left_over()
        await self._reality.adopt()
        await publish_live(self._ports)
        while release := await self._next():
            await self._reality.see_route()
            await self._roll_out(release)

    async def _end_left_over(self) -> None:
        """Ends a rollout that is in the journal but does not run: its worker was stopped, or could not write."""
        if left := self._ports.journal.state.rollout:
            async with self._current.of(left.release, left.sha) as run:
                await recover(run)

    async def _roll_out(self, release: Release) -> None:
        async with self._current.of(release, release.recall) as run:
            await self.take_in()  # it may have been withdrawn since the decision
            state = await self._ports.journal.update(lambda s: self._begin(s, release))
            if state.rollout is None:
                return  # it was paused or cancelled a moment ago
            self._ports.publisher.status(state)
            self._ports.publisher.event("rollout.started", rollout_id=release.rollout_id, tag=release.tag)
            ended = await roll_out(run)
            log.info("rollout ended", tag=release.tag, status=ended.status, error=ended.error)

    async def _overtake(self) -> None:
        await self.take_in()
        run, newer = self.running, self.decide().go
        if run is None or newer is None or self._stack.supersede is Supersede.NEVER:
            return
        if overtakes(newer, run.rollout, self._stack.tags):
            run.give_way(Superseded(f"{newer.tag} goes live instead"))

    async def as_of(self, sha: str) -> Stack:
        """The stack as the kept release has it."""
        return await drift.stack_of(self._stack, self._ports, sha)

    def decide(self) -> Decision:
        """Decides which release goes live, which never will, and which waits. Publishes each newly held release."""
        decision = self._decision()
        for held in decision.held:
            if held not in self._held:
                self._ports.publisher.event("release.held", **Held.of(held).as_json())
        self._held = frozenset(decision.held)
        return decision

    async def _next(self) -> Release | None:
        await self._last_check.ask(self._decision, self.take_in)
        known = await self._last_check.against_live(self._decision)
        decision = self.decide()
        gone = [dropped.dropped(r, known.get(r.key) or Superseded(reason)) for r, reason in decision.superseded]
        checked = await self._ports.journal.update(lambda s: s.dismiss(*gone).look(self._ports.clock.now()))
        self._ports.publisher.status(checked)
        await dropped.report(self._ports)
        return decision.go

    async def take_in(self) -> None:
        """Takes in what the web process recorded: accepted and withdrawn releases."""
        await self._intake.take_in()

    async def check_again(self, release: Release) -> None:
        """Asks whether a waiting release was withdrawn, and which commit its tag points to."""
        await self._last_check.check(release)

    async def record_commit(self, tag: str) -> None:
        """Records the commit of the waiting release of that tag, if it is not known yet. Raises CommitUnknown."""
        await self._last_check.record_commit(tag)

    def _decision(self) -> Decision:
        return self.policy.decide(self._ports.journal.state, self._ports.clock.now())

    async def take_over_what_moved(self) -> None:
        """Adopts what another program put live since the last rollout as the current release."""
        async with self._turn:
            await self._reality.adopt()

    def _begin(self, state: State, release: Release) -> State:
        """Decides once more, in the update that begins: a pause or cancel since the decision counts."""
        now = self._ports.clock.now()
        go = self.policy.decide(state, now).go
        if go is None or go.key != release.key:
            return state
        return state.begin(_rollout(state, go, now, self._current.trace_id(go)))


def _rollout(state: State, release: Release, at: datetime, trace_id: str | None) -> Rollout:
    origin = state.active_color
    return Rollout(
        release=release,
        target=origin.other if origin else Color.BLUE,
        origin=origin,
        previous=state.current,
        started_at=at,
        trace_id=trace_id,
    )
