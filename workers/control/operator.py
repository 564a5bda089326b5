"""What an operator can ask for, also while a rollout runs."""

from app.domain.decision import HeldRelease
from app.domain.errors import (
    AlreadyLive,
    ApprovalNotNeeded,
    Cancelled,
    CannotRollBack,
    NotWaiting,
    OperatorRollback,
    ReleaseNotKept,
    RolloutRunning,
    TooLate,
    UnknownRollout,
)
from app.domain.release import LiveRelease, Release, Trigger, new_rollout_id
from app.domain.rollout import Rollout
from app.domain.state import State
from workers.control.reconcile import Reconciler
from workers.ports import Ports
from workers.rollout.run import Run

SHA_DIGITS = 7
"""The fewest digits of a SHA that name a release."""


class Operator:
    """Each call changes the journal at once; what follows from it is the reconciler's next look."""

    def __init__(self, ports: Ports, reconciler: Reconciler) -> None:
        self._ports = ports
        self._reconciler = reconciler

    async def pause(self, reason: str) -> None:
        """No rollout starts from here on; one that runs is not touched."""
        state = await self._ports.journal.update(lambda s: s.pause(reason))
        self._ports.publisher.status(state)
        self._ports.publisher.event("paused", reason=reason)

    async def unpause(self) -> None:
        """Rollouts start again. Raises RolloutRunning."""
        if self._reconciler.busy:
            raise RolloutRunning("unpause when it has ended")
        now = self._ports.clock.now()
        state = await self._ports.journal.update(lambda s: s.unpause(now))
        self._reconciler.look_again()
        self._ports.publisher.status(state)
        self._ports.publisher.event("resumed")

    async def approve(self, tag: str) -> tuple[str, HeldRelease | None]:
        """The release of that tag may go live: the id of its rollout, and what it waits for now.

        Raises NotWaiting, ApprovalNotNeeded.
        """
        await self._reconciler.take_in()
        accepted = self._ports.journal.state.accepted
        waiting = [r for r in accepted if r.tag == tag]
        if not waiting:
            raise NotWaiting(f"{tag}. {', '.join(r.tag for r in accepted) or 'Nothing'} waits")
        if not any(self._reconciler.policy.awaits_approval(r) for r in waiting):
            raise ApprovalNotNeeded(f"{tag} goes live without one, as soon as what it waits for is over")
        state = await self._ports.journal.update(lambda s: s.approve(tag))
        self._reconciler.look_again()
        self._ports.publisher.status(state)
        self._ports.publisher.event("release.approved", tag=tag, rollout_id=waiting[-1].rollout_id)
        held = self._reconciler.decide().held
        return waiting[-1].rollout_id, next((h for h in held if h.release.tag == tag), None)

    async def cancel(self, rollout_id: str) -> None:
        """A release that waits is dropped, a rollout that has not moved the route gives way.

        Raises TooLate after the flip, UnknownRollout.
        """
        await self._reconciler.take_in()
        state, run = self._ports.journal.state, self._reconciler.running
        if run is not None and run.rollout.id == rollout_id:
            if not run.give_way(Cancelled("before its route was moved; nothing live was touched")):
                raise TooLate("its route has moved, or it is being undone already. Roll back instead.")
            return
        waiting = [r for r in state.accepted if r.rollout_id == rollout_id]
        if not waiting:
            raise UnknownRollout(rollout_id)
        self._ports.publisher.decided(waiting[0], Cancelled("before it began"))
        self._ports.publisher.status(await self._ports.journal.update(lambda s: s.drop(*waiting)))

    async def roll_back(self, sha: str | None, *, force: bool = False) -> str:
        """The id of the rollout that goes back to the kept release `sha`, or to the one before the current.

        A rollout that is on trial is turned back at once. Raises RolloutRunning, ReleaseNotKept, AlreadyLive, and
        CannotRollBack where the release that is live says so and it is not forced.
        """
        state, run = self._ports.journal.state, self._reconciler.running
        if run is not None:
            return self._turn_back(run, sha, force=force)
        target = kept(state, sha)
        if state.current and not force and await self._ports.engine.one_way(state.current.sha):
            raise _refused(state.current.tag, target.tag)
        release = Release(
            key=f"manual:{(rollout_id := new_rollout_id())}",
            tag=target.tag,
            rollout_id=rollout_id,
            trigger=Trigger.MANUAL,
            accepted_at=self._ports.clock.now(),
            force=True,
            recall=target.sha,
        )
        self._ports.publisher.status(await self._ports.journal.update(lambda s: s.accept(release)))
        self._ports.publisher.queued([release])
        self._reconciler.look_again()
        return rollout_id

    @staticmethod
    def _turn_back(run: Run, sha: str | None, *, force: bool) -> str:
        rollout = run.rollout
        if rollout.one_way and rollout.on_trial and not force:
            raise _refused(rollout.release.tag, rollout.previous.tag if rollout.previous else "what was live before")
        if _goes_back_to(rollout, sha) and run.turn_back(OperatorRollback("while it was on trial")):
            return rollout.id
        raise RolloutRunning("cancel it before its flip, or roll back when it has ended")


def _refused(live: str, back_to: str) -> CannotRollBack:
    return CannotRollBack(
        f"{live} has updater.rollback: never. {back_to} may not understand what {live} has written since. Your traffic "
        "is not touched. Publish a release that fixes it, or use force when you know that it works."
    )


def kept(state: State, sha: str | None) -> LiveRelease:
    """The release before the current one, when `sha` (its first SHA_DIGITS or more) names it.

    Raises ReleaseNotKept; AlreadyLive when `sha` names the current one.
    """
    previous, current = state.previous, state.current
    if sha is not None and len(sha) < SHA_DIGITS:
        raise ReleaseNotKept(f"{sha!r} is too short to name one: {SHA_DIGITS} digits at least")
    if sha is not None and current is not None and current.sha.startswith(sha):
        raise AlreadyLive(f"{current.tag} ({sha}) is live already")
    if previous is None:
        raise ReleaseNotKept("no release was live before the current one")
    if sha is not None and not previous.sha.startswith(sha):
        raise ReleaseNotKept(f"{sha} is not kept; {previous.tag} ({previous.sha[:12]}) is. Apply its tag to build it.")
    return previous


def _goes_back_to(rollout: Rollout, sha: str | None) -> bool:
    previous = rollout.previous
    return sha is None or (previous is not None and len(sha) >= SHA_DIGITS and previous.sha.startswith(sha))
