"""Who calls the updater: GitHub with its webhooks, and operators with the calls of the internal listener.

They know what the web process knows: the published status. What a call checks there is what app/web/calls checks.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from app.domain.errors import LedgerUnavailable, WorkerSilent
from app.domain.release import WITHDRAWN, Release, Trigger, new_rollout_id
from app.domain.tags import DatedTag, TagRule
from app.domain.withdrawal import DELETED, Withdrawal
from tests.examples import a_release
from tests.fakes.github_api import FakeGitHubApi, a_published
from tests.fakes.queue import FakeQueue
from tests.simulation.observation.observed import Call, Observed
from tests.simulation.observation.trace import Trace

PAUSED, NOT_NEWER, UNAVAILABLE, SILENT, NOTHING = (
    "paused",
    "not_newer",
    "ledger_unavailable",
    "worker_silent",
    "nothing",
)


class Refused(Exception):
    """The call was answered with an error; `code` is its code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Callers:
    def __init__(
        self,
        seen: Observed,
        queue: FakeQueue,
        github: FakeGitHubApi,
        trace: Trace,
        *,
        asked: Callable[[Call], object],
        answered: Callable[[Call], object],
    ) -> None:
        self._seen, self._queue, self._github, self._trace = seen, queue, github, trace
        self._asked, self._answered = asked, answered
        self._tasks: set[asyncio.Task[None]] = set()
        self._withdrawn: Counter[str] = Counter()
        self._deleted: Counter[str] = Counter()

    def call(self, name: str, **options: Any) -> None:
        """Makes the call `name` (a method of this class) in the background."""
        task = asyncio.ensure_future(self._call(Call(name, options, self._seen.now, self._seen.state.rollout)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call(self, call: Call) -> None:
        self._seen.calls.append(call)
        self._trace.add("call", call.name, call.options)
        self._asked(call)
        carry_out: Callable[[Call], Awaitable[None]] = getattr(self, call.name)
        try:
            await carry_out(call)
            code = ""
        except Refused as refused:
            code = refused.code
        except LedgerUnavailable:
            code = UNAVAILABLE
        except WorkerSilent:
            code = SILENT
        call.code, call.answered_at = code, self._seen.now
        self._seen.counts[f"call {call.name} {code or 'accepted'}"] += 1
        self._trace.add("answer", str(call))
        self._answered(call)

    # GitHub

    def publish(self, tag: str) -> None:
        """Publishes the release on GitHub, newest first."""
        published = self._github.published
        if all(p.event.tag != tag or p.event.draft for p in published):
            others = [p for p in published if p.event.tag != tag]
            new = a_published(tag, self._number(tag), at=self._seen.world.clock.now())
            self._github.published = [new, *others]

    async def webhook(self, call: Call) -> None:
        tag = call.options["tag"]
        self.publish(tag)
        published = next(p for p in self._github.published if p.event.tag == tag)
        again = f"-{self._withdrawn[tag]}" if self._withdrawn[tag] else ""
        release = a_release(
            tag,
            key=published.event.key,
            rollout_id=f"r-{tag}{again}",
            accepted_at=self._seen.world.clock.now(),
            published_at=published.at,
        )
        await self._accept(call, release)

    def take_back(self, tag: str, action: str) -> Withdrawal | None:
        """The author deletes the release, or sets it back to a draft. Returns None if it is not published."""
        published = next((p for p in self._github.published if p.event.tag == tag and not p.event.draft), None)
        if published is None:
            return None
        self._withdrawn[tag] += 1
        self._deleted[tag] += action == DELETED
        self._github.withdraw(published.event.release_id, action)
        event = replace(published.event, action=action)
        return Withdrawal.of(event, self._seen.world.clock.now(), published.at)

    async def withdraw(self, call: Call) -> None:
        """The webhook of a withdrawal is recorded before its answer."""
        call.withdrawal = self.take_back(call.options["tag"], call.options["action"])
        if call.withdrawal is None:
            raise Refused(NOTHING)
        await self._seen.world.inbox.withdraw(call.withdrawal)
        with contextlib.suppress(LedgerUnavailable):
            await self._queue.nudge()

    def _number(self, tag: str) -> int:
        """The id of the release on GitHub: it grows with the version, and with each deleted release of the tag."""
        return int(tag.removeprefix("v").replace(".", "")) + 1000 * self._deleted[tag]

    # Operators

    async def apply(self, call: Call) -> None:
        tag, force, status = call.options["tag"], call.options["force"], self._seen.world.publisher.shown
        live = status.current.dated if status and status.current else None
        if status and status.paused and not force:
            raise Refused(PAUSED)
        if status and status.rollout and status.rollout.release.tag == tag and not force:
            raise Refused(NOTHING)
        await self._ask("find_tag", tag)
        if not force and live and TagRule().not_newer(DatedTag(tag), live):
            raise Refused(NOT_NEWER)
        rollout = new_rollout_id()
        now = self._seen.world.clock.now()
        await self._accept(call, Release(f"manual:{rollout}", tag, rollout, Trigger.MANUAL, now, force=force))

    async def pause(self, call: Call) -> None:
        await self._ask("pause", call.options["reason"])

    async def unpause(self, _: Call) -> None:
        self._seen.unpauses += 1
        await self._ask("unpause")
        await self._queue.nudge()

    async def approve(self, call: Call) -> None:
        waiting = self._seen.state.accepted
        if not waiting:
            raise Refused(NOTHING)
        call.rollout = waiting[-1].rollout_id
        call.commit = (await self._ask("approve", waiting[-1].tag))["commit"]
        await self._queue.nudge()

    async def cancel(self, call: Call) -> None:
        """Cancels what the status shows: the running rollout, else the newest waiting release."""
        status = self._seen.world.publisher.shown
        if status is None or not (status.rollout or status.accepted):
            raise Refused(NOTHING)
        call.rollout = status.rollout.id if status.rollout else status.accepted[-1].rollout_id
        await self._ask("cancel", call.rollout)

    async def rollback(self, call: Call) -> None:
        answer = await self._ask("rollback", None, call.options["force"])
        call.rollout = answer["rollout_id"]
        call.on_trial = call.rollout in self._seen.begun
        await self._queue.nudge()

    async def _ask(self, question: str, *arguments: Any) -> dict[str, Any]:
        answer = await self._queue.ask(question, *arguments)
        if "error" in answer:
            raise Refused(str(answer["code"]))
        return answer

    async def _accept(self, call: Call, release: Release) -> None:
        """Records the release, as the web process does before it answers with 202."""
        known = await self._seen.world.inbox.accept(release)
        if known is not None and known.rollout_id == WITHDRAWN:
            raise Refused(WITHDRAWN)
        accepted = known or release
        call.rollout = accepted.rollout_id
        self._seen.accepted[accepted.rollout_id] = accepted
        try:
            await self._queue.nudge()
        except LedgerUnavailable:
            return
