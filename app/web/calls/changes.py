"""The calls that change something: apply, rollback, pause, unpause, approve, cancel, notify-test."""

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.responses import JSONResponse, Response

from app.api.model import time_in
from app.api.requests import Apply
from app.api.responses import Approved, Cancelling, Notified, Paused, Resumed
from app.api.status import PublishedStatus
from app.domain.errors import AlreadyLive, LedgerUnavailable, RolloutRunning, TagInvalid, TagMoved
from app.domain.release import Release, Trigger, new_rollout_id
from app.domain.required_checks import SHORT_SHA
from app.domain.tags import DatedTag, TagRule
from app.ledger import Ledger
from app.queue import Queue
from app.web.calls.final_result import FinalAnswer
from app.web.calls.live import is_current, is_live, live_is_well, live_result, live_tag
from app.web.calls.status import StatusCall
from app.web.internal.call import Given
from app.web.internal.worker_answers import WorkerRefused, ask

NOT_SHOWN = timedelta(seconds=60)
"""For how long the status may not show a release that was accepted: without a nudge, the worker looks once a minute."""


@dataclass(frozen=True)
class Found:
    """A tag. `published_at`: when GitHub published its release, if that is asked for and known.

    `commit`: what it points to, if the caller asked for a commit.
    """

    published_at: datetime | None
    commit: str | None


@dataclass(frozen=True)
class Changes:
    ledger: Ledger
    queue: Queue
    status: StatusCall
    final: FinalAnswer
    tags: TagRule = TagRule()  # noqa: RUF009 - it is frozen

    async def apply(self, given: Given) -> Response:
        """Queues a release by its tag.

        Without `force`, a tag that is live or is being rolled out starts nothing, even while paused. The answer is a
        success without steps, or the result of that rollout.
        """
        wanted: Apply = given.body
        status = await self.status.published()
        if not wanted.force:
            await self._check_commit(wanted, status)
            if is_live(status, wanted.tag):
                return JSONResponse(live_result(status).as_json())
            if (running := status.rollout_of(wanted.tag)) and await self.ledger.worker_alive():
                return await self.final.of(given.request, running, wanted.tag)
            if status.rollout and status.rollout.tag != wanted.tag and is_current(status, wanted.tag):
                raise WorkerRefused(400, _being_replaced(wanted.tag, status.rollout.tag), RolloutRunning.code)
        self._check_tag(wanted.tag)
        found = await self._check(wanted, status)
        rollout_id = await self._asked_before(wanted, status) or await self._accept(wanted, _by(given), found)
        return await self.final.of(given.request, rollout_id, wanted.tag)

    async def _asked_before(self, wanted: Apply, status: PublishedStatus) -> str | None:
        """The rollout of the same request, which waits or runs. The status may not show it yet.

        A second one would begin after it, also after the first one was cancelled.
        """
        shown = {*status.queued, *status.held, *([status.rollout.tag] if status.rollout else [])}
        before = datetime.now(UTC) - NOT_SHOWN
        for release in reversed([] if wanted.force else await self.ledger.asked_for(wanted.tag)):
            same = (release.commit or "").startswith(wanted.commit or "")
            if same and (wanted.tag in shown or release.accepted_at > before):
                return release.rollout_id
        return None

    async def _check_commit(self, wanted: Apply, status: PublishedStatus) -> None:
        """Raises WorkerRefused (409) if the tag is live or being rolled out, and not at the commit asked for."""
        tag, running = wanted.tag, status.rollout_of(wanted.tag)
        if not wanted.commit or not (running or is_current(status, tag)):
            return
        known = (await self.ledger.record(running) or {}).get("sha") if running else None
        if running and not known:
            raise WorkerRefused(409, _not_known_yet(tag), RolloutRunning.code)
        at = str(known or (status.current.sha if status.current else ""))
        if not at.startswith(wanted.commit):
            raise WorkerRefused(409, _at_another(tag, at, wanted.commit, running=bool(running)), TagMoved.code)

    def _check_tag(self, tag: str) -> None:
        """Raises WorkerRefused (400) if the tag has no place in the stack's order, also with force."""
        try:
            self.tags.check(tag)
        except TagInvalid as problem:
            raise WorkerRefused(400, problem.detail, problem.code) from problem

    def _check_date(self, new: DatedTag, why: str | None) -> None:
        """Raises WorkerRefused (400) if the order needs a date that is not known. `why`: the worker's reason."""
        try:
            self.tags.position(new)
        except TagInvalid as problem:
            raise WorkerRefused(400, why or problem.detail, problem.code) from problem

    async def _check(self, wanted: Apply, status: PublishedStatus) -> Found:
        """What is known of the tag.

        Raises WorkerRefused: 423 while paused, 404 for an unknown tag, 409 for one at another commit than the one asked
        for, 400 for a tag that is not newer, or of which that cannot be found out.

        Not 409: programs written for the previous updater read 409 as "an update is in progress" and show nothing
        else. For a 400, they show the text.
        """
        if status.paused and not wanted.force:
            raise _paused(status)
        more = [wanted.commit] if wanted.commit else []  # a worker of an earlier version does not know it
        found = await ask(self.queue, "find_tag", wanted.tag, *more)
        new, live = DatedTag(wanted.tag, time_in(found.get("published_at"))), live_tag(status)
        if not wanted.force:
            self._check_date(new, found.get("undated"))
            if live and self.tags.not_newer(new, live):
                raise WorkerRefused(400, _not_newer(new.tag, live.tag, status), "not_newer")
        return Found(new.published_at, found["commit"] if wanted.commit else None)

    async def rollback(self, given: Given) -> Response:
        """Rolls back to a kept release, or to the last good one if no SHA is given. Allowed while paused."""
        try:
            body = given.body
            more = [True] if body.current_env else []  # a worker of an earlier version does not know it
            answer = await ask(self.queue, "rollback", body.previous_sha, body.force, _by(given), *more)
        except WorkerRefused as refused:
            status = await self.status.published()
            if refused.code == AlreadyLive.code and status.active_color is None and status.paused:
                raise _paused(status) from refused
            if refused.code != AlreadyLive.code or not live_is_well(status):
                raise
            return JSONResponse(live_result(status).as_json())
        await self._nudge()
        return await self.final.of(given.request, answer["rollout_id"])

    async def pause(self, given: Given) -> Response:
        reason = given.body.reason.strip()
        await ask(self.queue, "pause", reason)
        return JSONResponse(Paused(pause_reason=reason).as_json())

    async def notify_test(self, _: Given) -> Response:
        """Sends one message to every notification target. Does not wait for the delivery."""
        answer = await ask(self.queue, "notify_test")
        return JSONResponse(Notified(targets=answer["targets"]).as_json(), 202)

    async def unpause(self, _: Given) -> Response:
        """Resumes rollouts. The newest held release starts at once."""
        await ask(self.queue, "unpause")
        await self.queue.nudge()
        return JSONResponse(Resumed().as_json())

    async def approve(self, given: Given) -> Response:
        """Approves a release that waits for approval. It starts at once if nothing else holds it."""
        tag, commit = given.body.tag, given.body.commit
        answer = await ask(self.queue, "approve", tag, *([commit] if commit else []))
        await self.queue.nudge()
        return JSONResponse(Approved(tag=tag, **answer).as_json(), 202)

    async def cancel(self, given: Given) -> Response:
        """Stops a rollout before its flip, or drops a waiting release."""
        rollout_id = given.body.rollout_id
        await ask(self.queue, "cancel", rollout_id)
        return JSONResponse(Cancelling(rollout_id=rollout_id).as_json(), 202)

    async def _accept(self, wanted: Apply, by: str | None, found: Found) -> str:
        rollout_id = new_rollout_id()
        await self.ledger.accept(
            Release(
                key=f"manual:{rollout_id}",
                tag=wanted.tag,
                rollout_id=rollout_id,
                trigger=Trigger.MANUAL,
                accepted_at=datetime.now(UTC),
                version=wanted.version or self.tags.version_in(wanted.tag),
                force=wanted.force,
                by=by,
                published_at=found.published_at,
                commit=found.commit,
            )
        )
        await self._nudge()
        return rollout_id

    async def _nudge(self) -> None:
        """Wakes the worker. Without a nudge, the worker finds the recorded release within a minute."""
        with contextlib.suppress(LedgerUnavailable):
            await self.queue.nudge()


def _by(given: Given) -> str | None:
    """The caller, as the history shows it."""
    return str(given.caller) if given.caller else None


def _paused(status: PublishedStatus) -> WorkerRefused:
    return WorkerRefused(423, status.pause_reason or "paused", "paused")


def _not_known_yet(tag: str) -> str:
    return (
        f"A rollout of {tag} is running, and its commit is not known yet. Nothing else was started. Ask again in a few "
        "seconds."
    )


def _at_another(tag: str, at: str, wanted: str, *, running: bool) -> str:
    now = "is being rolled out" if running else "is live"
    return (
        f"{tag} {now} at commit {at[:SHORT_SHA]}, and not at {wanted[:SHORT_SHA]}: its tag moved. Nothing was started. "
        "Publish the change under a new tag."
    )


def _being_replaced(tag: str, by: str) -> str:
    return (
        f"A rollout of {by} is running and will replace {tag}, unless it fails. To keep {tag}, run `updater cancel ID` "
        f"before the flip (`updater status` shows the ID), or `updater rollback` after it. Or apply {tag} with force: "
        f"it then goes live after {by}."
    )


def _not_newer(tag: str, live: str, status: PublishedStatus) -> str:
    if tag == live and status.active_color is None:
        return (
            f"{tag} went live last, but the updater does not know which color has the traffic: run `updater doctor`. "
            f"Apply {tag} with force to roll it out again."
        )
    if tag == live:
        return f"{tag} is live, but its rollout failed. Apply it with force to roll it out again."
    return f"{live} is live, and {tag} is not newer. Apply {tag} with force if you want the older release."
