"""What the end of a rollout makes of the state: a pause, its end, or another attempt."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.notices import messages
from app.domain.release import Release, new_rollout_id
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Resume, Stack
from app.domain.state import State

RETRY_SECONDS = 600.0
"""How long after its failure a release is tried again with `resume: transient`."""


def retry_of(ended: Rollout, stack: Stack, at: datetime) -> Release | None:
    """The release as a later rollout tries it, although rollouts are paused; None if a person has to act."""
    if stack.resume is not Resume.TRANSIENT or not ended.may_pass_later:
        return None
    retry_at = at + timedelta(seconds=RETRY_SECONDS)
    return replace(ended.release, rollout_id=new_rollout_id(), retry_at=retry_at, force=False, attempts=0)


@dataclass(frozen=True)
class AfterEnd:
    """`ended` ended `at`. `again`: its release, which begins again at once. `retry`: see `retry_of`.

    `pauses`: the operator lets failures pause rollouts.
    """

    ended: Rollout
    at: datetime
    again: Release | None
    retry: Release | None
    pauses: bool = True

    def state(self, before: State) -> State:
        """The state after the end. A retry ends only a pause that its own failure began, never a person's."""
        ended, state = self.ended, before.finish(self.ended, self.at)
        retried = ended.release.retry_at is not None
        if self.again is not None:
            return state.requeue(self.again)
        if ended.status is RolloutStatus.SUCCESS:
            if ended.release.recall is not None:
                return state.pause(messages.pause_reason(ended))
            return state.unpause(self.at) if retried and state.paused else state
        if not (ended.pauses and self.pauses):
            return state
        if self.retry is None or (state.paused and not retried):
            return state.pause(messages.pause_reason(ended))
        reason = state.pause_reason if state.paused else messages.pause_reason(ended, self.retry.retry_at)
        return state.pause(str(reason)).requeue(self.retry)
