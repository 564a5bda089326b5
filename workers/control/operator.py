"""The operator's requests, which work even while a rollout runs."""

from collections.abc import Sequence

from app.domain.acceptance.decision import HeldRelease
from app.domain.errors import (
    ApprovalNotNeeded,
    Cancelled,
    CannotRollBack,
    EngineFailed,
    NotWaiting,
    ReleaseNotKept,
    RolloutRunning,
    TagMoved,
    TooLate,
    UnknownRollout,
)
from app.domain.kept_release import SHA_DIGITS, kept_release
from app.domain.release import LiveRelease, Release, Trigger, new_rollout_id
from app.domain.required_checks import SHORT_SHA
from app.domain.rollout import Rollout
from app.domain.state import State
from workers.control import dropped
from workers.control.reconcile import Reconciler
from workers.inspect.rollback_plan import no_routes, target_color
from workers.ports import Ports
from workers.rollout import stop
from workers.rollout.run import Run

ENGINE_SECONDS = 5.0
"""How long the engine may take to say what is left of a kept release: the caller waits for the answer."""

_STARTS_NOTHING = (
    "to roll it back starts nothing, so today's values cannot be used: roll back without current_env, or when it has "
    "ended"
)


class Operator:
    """Each call changes the journal at once. The reconciler acts on the change at its next look."""

    def __init__(self, ports: Ports, reconciler: Reconciler) -> None:
        self._ports = ports
        self._reconciler = reconciler

    async def pause(self, reason: str) -> None:
        """Stops new rollouts from starting. A running rollout continues."""
        state = await self._ports.journal.update(lambda s: s.pause(reason), both=True)
        self._ports.publisher.status(state)
        self._ports.publisher.event("paused", reason=reason)

    async def unpause(self) -> None:
        """Lets rollouts start again. Raises RolloutRunning."""
        if self._reconciler.busy:
            raise RolloutRunning("unpause when it has ended")
        now = self._ports.clock.now()
        state = await self._ports.journal.update(lambda s: s.unpause(now))
        self._reconciler.look_again()
        self._ports.publisher.status(state)
        self._ports.publisher.event("resumed")

    async def approve(self, tag: str, commit: str | None = None) -> tuple[Release, HeldRelease | None]:
        """Approves the waiting release of that tag, for its commit. Returns it, and what it still waits for.

        `commit`: the one that it has to be, or its first digits. Raises NotWaiting, ApprovalNotNeeded, CommitUnknown,
        TagMoved.
        """
        await self._reconciler.take_in()
        if not any(self._reconciler.policy.awaits_approval(r) for r in _waiting(self._ports.journal.state, tag)):
            raise ApprovalNotNeeded(f"{tag} goes live without approval when its other wait is over")
        await self._reconciler.record_commit(tag)

        def approve(now: State) -> State:
            """The tag may have moved since the operator looked, also since the questions above."""
            for release in (r for r in now.accepted if r.tag == tag and commit is not None):
                check_commit(tag, release.commit, str(commit))
            return now.approve(tag)

        state = await self._ports.journal.update(approve)
        self._reconciler.look_again()
        self._ports.publisher.status(state)
        approved = _waiting(state, tag)[-1]
        self._ports.publisher.event("release.approved", tag=tag, rollout_id=approved.rollout_id, commit=approved.commit)
        held = self._reconciler.decide().held
        return approved, next((h for h in held if h.release.tag == tag), None)

    async def cancel(self, rollout_id: str) -> None:
        """Drops a waiting release, or stops a running rollout before its flip.

        Raises TooLate after the flip, UnknownRollout, RolloutRunning.
        """
        await self._reconciler.take_in()
        if await self._drop(rollout_id):
            await dropped.report(self._ports)
            return
        left, run, why = self._ports.journal.state.rollout, self._reconciler.running, stop.cancelled()
        if left is None or left.id != rollout_id:
            await self._ports.journal.check()  # a worker that was replaced knows nothing of what runs
            raise UnknownRollout(rollout_id)
        if run is None:
            raise _interrupted()
        if not run.give_way(why):
            raise TooLate("its route has moved, or it is already being undone. Roll back instead.")
        await run.stopped_by(why)

    async def _drop(self, rollout_id: str) -> bool:
        """Drops a waiting release. Returns False if it does not wait, for example because it has begun.

        Raises TooLate if it has the traffic.
        """
        found: list[Release] = []

        def drop(state: State) -> State:
            found[:] = [r for r in state.accepted if r.rollout_id == rollout_id]
            if found and state.current and state.current.rollout_id == rollout_id:  # after the loss of the state file
                raise TooLate("it is live. Roll back instead.")
            return state.dismiss(*(dropped.dropped(r, Cancelled("before it began")) for r in found))

        self._ports.publisher.status(await self._ports.journal.update(drop, both=True))
        return bool(found)

    async def roll_back(
        self, sha: str | None, *, force: bool = False, by: str | None = None, current_env: bool = False
    ) -> str:
        """Rolls back to the kept release `sha`, or to the one before the current. Returns the rollout's id.

        Turns a rollout that is on trial back at once. `current_env`: the kept release starts with today's values.
        Raises RolloutRunning, ReleaseNotKept, AlreadyLive, and CannotRollBack if the live release forbids a rollback
        and `force` is not set, or if the kept release cannot start with today's values.
        """
        await self._ports.journal.check()
        state, run = self._ports.journal.state, self._reconciler.running
        if run is not None:
            if current_env:
                raise RolloutRunning(_STARTS_NOTHING)
            return await self._turn_back(run, sha, force=force)
        if state.rollout is not None:
            raise _interrupted()
        target = kept_release(state, sha)
        kept = await self._reconciler.as_of(target.sha)
        if not kept.routed:
            raise CannotRollBack(f"{no_routes(target.tag)}. Your traffic is not affected")
        if state.current and not force and await self._ports.engine.one_way(state.current.sha):
            raise _refused(state.current.tag, target.tag)
        await self._refuse_incomplete(target, kept.services(target_color(state)))
        if current_env and target.adopted:
            raise CannotRollBack(f"{target.tag} ran before the updater did: only its own containers can start again")
        release = Release(
            key=f"manual:{(rollout_id := new_rollout_id())}",
            tag=target.tag,
            rollout_id=rollout_id,
            trigger=Trigger.MANUAL,
            accepted_at=self._ports.clock.now(),
            version=kept.tags.version_in(target.tag),
            force=True,
            recall=target.sha,
            current_env=current_env,
            by=by,
            published_at=target.published_at,
        )

        def accept(now: State) -> State:
            """Another release may have begun since the questions above: then the kept one may not stay kept."""
            if now.rollout is not None or kept_release(now, sha).sha != target.sha:
                raise RolloutRunning(
                    "a release has just begun. Cancel it before its flip, or roll back when it has ended"
                )
            return now.accept(release)

        self._ports.publisher.status(await self._ports.journal.update(accept, both=True))
        self._ports.publisher.queued([release])
        self._reconciler.look_again()
        return rollout_id

    async def _refuse_incomplete(self, target: LiveRelease, services: Sequence[str]) -> None:
        """Raises ReleaseNotKept if parts of the kept release are gone.

        If the engine does not say so in time, the rollback is accepted: its first step asks again.
        """
        try:
            async with self._ports.clock.limit(ENGINE_SECONDS):
                gone = await self._ports.engine.missing(target.sha, services)
        except (EngineFailed, TimeoutError):
            return
        if gone:
            raise ReleaseNotKept(
                f"{target.tag} lacks {', '.join(gone)}. Your traffic is not affected. Deploy {target.tag} with "
                "--force: that builds it"
            )

    @staticmethod
    async def _turn_back(run: Run, sha: str | None, *, force: bool) -> str:
        rollout, why = run.rollout, stop.rolled_back()
        if rollout.one_way and rollout.on_trial and not force:
            raise _refused(rollout.release.tag, rollout.previous.tag if rollout.previous else "the previous release")
        if _goes_back_to(rollout, sha) and run.turn_back(why):
            await run.stopped_by(why)
            return rollout.id
        raise RolloutRunning("cancel it before its flip, or roll back when it has ended")


def _waiting(state: State, tag: str) -> list[Release]:
    """The waiting releases of that tag. Raises NotWaiting if there is none."""
    if waiting := [r for r in state.accepted if r.tag == tag]:
        return waiting
    raise NotWaiting(f"{tag}. Waiting now: {', '.join(r.tag for r in state.accepted) or 'no release'}")


def check_commit(tag: str, commit: str | None, wanted: str) -> None:
    """Raises TagMoved if `commit`, which the tag has, does not begin with `wanted`. None: it is not known yet."""
    if commit is None:
        raise TagMoved(f"the commit of {tag} is not known yet. Nothing was changed. Ask again in a few seconds")
    if not commit.startswith(wanted):
        raise TagMoved(
            f"{tag} points to {commit[:SHORT_SHA]} now, and not to {wanted[:SHORT_SHA]}. Nothing was changed. Compare "
            "both commits, and ask again for the one that you want"
        )


def _interrupted() -> RolloutRunning:
    """The worker ends, or has just started: nothing can stop the rollout until it is continued."""
    return RolloutRunning("it was interrupted and will be continued at once. Ask again in a few seconds.")


def _refused(live: str, back_to: str) -> CannotRollBack:
    return CannotRollBack(
        f"{live} has updater.rollback: never. {back_to} may not understand what {live} has written since. Your traffic "
        "is not affected. Publish a release that fixes the problem, or use force if you know that the rollback works."
    )


def _goes_back_to(rollout: Rollout, sha: str | None) -> bool:
    previous = rollout.previous
    return sha is None or (previous is not None and len(sha) >= SHA_DIGITS and previous.sha.startswith(sha))
