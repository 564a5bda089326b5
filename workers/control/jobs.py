"""The queue's jobs: nudges and short questions. A lock serializes rollouts, not the queue's slots."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any
from uuid import uuid4

import structlog

from app.api.model import iso
from app.api.status import Held
from app.domain.errors import InternalError, NoNotifier, UpdaterError
from app.domain.notices import notice as notices
from app.domain.stack import Stack
from app.domain.tags import TagOrder
from workers.control.operator import Operator, check_commit
from workers.control.reconcile import Reconciler
from workers.inspect import required_checks
from workers.inspect.doctor import diagnostics, examine
from workers.inspect.plan import plan
from workers.inspect.publication import Publication, publication_of
from workers.inspect.rollback_plan import rollback_plan
from workers.ports import Ports
from workers.ports.github import GitHubApi

Context = dict[str, Any]
Answer = dict[str, Any]
Question = Callable[..., Awaitable[Answer]]

log = structlog.get_logger()


class Jobs:
    """The worker's jobs. The answer of a failed job has `error` and `code`."""

    def __init__(self, stack: Stack, ports: Ports, reconciler: Reconciler, github: GitHubApi | None = None) -> None:
        self._stack = stack
        self._ports = ports
        self._github = github
        self._reconciler = reconciler
        self._operator = Operator(ports, reconciler)

    @property
    def replaced(self) -> bool:
        """Whether another worker has taken over, so that this one must end."""
        return self._reconciler.replaced

    async def nudge(self, _: Context) -> None:
        await self._reconciler.taken_over()  # a release that is taken in earlier would hide that the journal was lost
        await self._reconciler.reconcile()

    async def pause(self, _: Context, reason: str) -> Answer:
        await self._operator.pause(reason)
        return {}

    async def unpause(self, _: Context) -> Answer:
        await self._operator.unpause()
        return {}

    async def approve(self, _: Context, tag: str, commit: str | None = None) -> Answer:
        """Returns `rollout_id`, the approved `commit`, and `held_for`: what the release waits for, as in the status.

        `held_for` is None if it waits for nothing. `commit`: the one that it has to be, or its first digits.
        """
        approved, held = await self._operator.approve(tag, commit)
        held_for = Held.of(held).as_json() if held else None
        return {"rollout_id": approved.rollout_id, "commit": approved.commit, "held_for": held_for}

    async def cancel(self, _: Context, rollout_id: str) -> Answer:
        await self._operator.cancel(rollout_id)
        return {}

    async def rollback(
        self, _: Context, sha: str | None, force: bool, by: str | None = None, current_env: bool = False
    ) -> Answer:
        """Returns the `rollout_id` of the rollback. `by`: the caller that asked for it."""
        return {"rollout_id": await self._operator.roll_back(sha, force=force, by=by, current_env=current_env)}

    async def find_tag(self, _: Context, tag: str, wanted: str | None = None) -> Answer:
        """Returns the `sha` of `tag` in the repository: of its object, which may be an annotated tag.

        With `wanted`, the first digits of the commit that it has to point to: also its `commit`. If the stack's
        releases are ordered by GitHub's date: also `published_at`, or why it is not known (`undated`).
        """
        found = {"sha": await self._ports.source.find(tag)}
        if wanted is not None:
            found["commit"] = commit = await self._ports.source.commit_at(tag)
            check_commit(tag, commit, wanted)
        if (date := await self._publication(tag)) is None:
            return found
        return {**found, "published_at": iso(date.at), "undated": date.unknown}

    async def plan(self, _: Context, tag: str) -> Answer:
        """See app/api/plan.py."""
        checks = await required_checks.planned(self._stack.policy.require_checks, self._github, tag)
        return (await plan(self._stack, self._ports, tag, await self._publication(tag), checks=checks)).as_json()

    async def _publication(self, tag: str) -> Publication | None:
        """When GitHub published the release; None if the stack's order does not depend on it."""
        if self._stack.tags.order is not TagOrder.PUBLISHED:
            return None
        return await publication_of(tag, self._github)

    async def rollback_plan(self, _: Context, sha: str | None) -> Answer:
        """See app/api/rollback_plan.py."""
        return (await rollback_plan(self._stack, self._ports, sha)).as_json()

    async def diagnostics(self, _: Context) -> Answer:
        """See workers/inspect/doctor.py."""
        return await diagnostics(self._ports)

    async def doctor(self, _: Context) -> Answer:
        """Returns `checks`: see workers/inspect/doctor.py."""
        required, state = self._stack.policy.require_checks, self._ports.journal.state
        checks = await examine(self._stack, self._ports)
        checks += await required_checks.checked(required, self._github, state)
        return {"checks": [asdict(check) for check in checks]}

    async def notify_test(self, _: Context) -> Answer:
        """Sends a test message and returns the number of `targets`. Does not wait for the delivery."""
        notifier = self._ports.notifier
        if notifier is None:
            raise NoNotifier("set UPDATER_NOTIFY_URLS and restart the worker")
        notifier.notify(notices.test_message(self._stack.project, self._ports.clock.now()))
        return {"targets": notifier.counts()["targets"]}

    def questions(self) -> dict[str, Question]:
        questions = (
            *(self.pause, self.unpause, self.approve, self.cancel, self.rollback),
            *(self.find_tag, self.plan, self.rollback_plan, self.diagnostics, self.doctor, self.notify_test),
        )
        return {question.__name__: answered(question, self._reconciler.taken_over) for question in questions}


def answered(question: Question, ready: Callable[[], Awaitable[None]]) -> Question:
    """Wraps `question`: it waits until the worker is `ready`, and an exception becomes an answer.

    An unexpected one is logged with a reference that is in the answer too. Otherwise it would reach the caller as a
    worker that does not answer.
    """

    async def answer(context: Context, *args: Any) -> Answer:
        await ready()
        try:
            return await question(context, *args)
        except UpdaterError as error:
            return _refusal(error)
        except Exception as bug:
            return _refusal(_unexpected(bug, getattr(question, "__name__", "a question")))

    return answer


def _refusal(error: UpdaterError) -> Answer:
    return {"error": str(error), "code": error.code}


def _unexpected(bug: Exception, question: str) -> InternalError:
    reference = uuid4().hex[:8]
    log.exception("a question failed with an unexpected error", question=question, reference=reference)
    return InternalError(
        f"{type(bug).__name__} in {question}. Your traffic is not affected. Search the worker's log for {reference}, "
        "and report what it says there"
    )
