"""The status: the live release, the running rollout, waiting releases and alarms."""

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field

from app.api.model import ResponseModel, iso
from app.api.plan import PlannedDisk
from app.api.rollout import NextAttempt, Result
from app.domain.acceptance.decision import HeldRelease
from app.domain.acceptance.ignored import IgnoredRelease
from app.domain.acceptance.repository import KnownRepository
from app.domain.findings import Alarm
from app.domain.notices import messages
from app.domain.release import LiveRelease
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Color
from app.domain.state import State
from app.domain.step import StepId
from app.domain.withdrawal import Withdrawal

WITHDRAWN_SHOWN = 3
"""How many withdrawn releases are in the status, at most."""

Activity = Literal["idle", "updating", "rolling_back"]

_ACTIVITY: dict[RolloutStatus, Activity] = {
    RolloutStatus.ROLLING_BACK: "rolling_back",
    RolloutStatus.RUNNING: "updating",
}


class Live(ResponseModel):
    """The release that has the traffic.

    `adopted`: it was running before the updater. If its tag is `unknown`, `sha` is a digest of its images.
    `copies`: how many containers of each routed service it runs; without one that is not known.
    `published_at`: GitHub's date, or when it was accepted; None if neither is known.
    """

    tag: str = ""
    sha: str = ""
    rollout_id: str = ""
    since: str | None = None
    adopted: bool = False
    copies: dict[str, int] = Field(default_factory=dict)
    published_at: str | None = None

    @classmethod
    def of(cls, live: LiveRelease) -> Self:
        return cls(
            tag=live.tag,
            sha=live.sha,
            rollout_id=live.rollout_id,
            since=iso(live.since),
            adopted=live.adopted,
            copies=dict(live.copies),
            published_at=iso(live.published_at),
        )


class RolloutProgress(ResponseModel):
    """The running rollout. `percent` counts steps; `eta_seconds` is None until a rollout has succeeded.

    `retry`: the attempt of the running step; None for its first one. `steps`: the names of all its steps, in order,
    if it succeeds. A rollback has others.
    """

    id: str = ""
    tag: str = ""
    status: str = ""
    step: str | None = None
    percent: int = 0
    started_at: str | None = None
    eta_seconds: float | None = None
    retry: NextAttempt | None = None
    steps: tuple[str, ...] = ()

    @classmethod
    def of(cls, rollout: Rollout, steps: Sequence[StepId], durations: dict[str, float]) -> Self:
        """`steps`: all steps of a rollout. `durations`: seconds of each step in the last successful rollout."""
        done = set(rollout.completed) & set(steps)
        left = [durations[step.name] for step in steps if step not in done and step.name in durations]
        return cls(
            id=rollout.id,
            tag=rollout.release.tag,
            status=rollout.status,
            step=rollout.running_step,
            percent=round(100 * len(done) / len(steps)),
            started_at=iso(rollout.started_at),
            eta_seconds=round(sum(left), 1) if durations else None,
            retry=NextAttempt.of(rollout.retry) if rollout.retry else None,
            steps=tuple(step.name for step in steps),
        )


class Held(ResponseModel):
    """Why a release waits: `reason` is a stable word, `text` says what to do, `until` is when the next window opens.

    `commit`: what its tag pointed to when it began to wait: an approval is for that commit. `moved_from`: the commit
    before, if the tag moved since. None if that is not known, or did not happen.
    """

    tag: str = ""
    rollout_id: str = ""
    reason: str = ""
    until: str | None = None
    text: str = ""
    commit: str | None = None
    moved_from: str | None = None

    @classmethod
    def of(cls, held: HeldRelease) -> Self:
        return cls(
            tag=held.release.tag,
            rollout_id=held.release.rollout_id,
            reason=held.why,
            until=iso(held.until),
            text=messages.held(held),
            commit=held.release.commit,
            moved_from=held.release.moved_from,
        )


class WithdrawnRelease(ResponseModel):
    """A release that was withdrawn on GitHub. `at`: when. `reason`: what happened there."""

    tag: str = ""
    at: str | None = None
    reason: str = ""

    @classmethod
    def of(cls, withdrawal: Withdrawal) -> Self:
        return cls(tag=withdrawal.tag, at=iso(withdrawal.at), reason=withdrawal.reason)


class PublishedStatus(ResponseModel):
    """The part of the status that the worker publishes. The defaults apply until it does so for the first time.

    `withdrawn`: the releases that were withdrawn on GitHub since the live one went live, or that one, newest first.
    `public_url`: where people open the updater's pages, without a slash at its end. `disk`: None if it is not known.
    `forge_url`: where people open the server that has the repository, for links; None if that is not known.
    """

    state: Activity = "idle"
    current_operation: str | None = None
    active_color: Color | None = None
    paused: bool = False
    pause_reason: str | None = None
    last_checked_at: str | None = None
    looked_at: str | None = None
    last_attempted_tag: str | None = None
    last_good_tag: str | None = None
    current: Live | None = None
    rollout: RolloutProgress | None = None
    queued: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    held_for: tuple[Held, ...] = ()
    withdrawn: tuple[WithdrawnRelease, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    notifications: dict[str, int] = Field(default_factory=dict)
    repository: KnownRepository | None = None
    public_url: str | None = None
    forge_url: str | None = None
    disk: PlannedDisk | None = None

    @classmethod
    def of(
        cls,
        state: State,
        steps: Sequence[StepId],
        durations: dict[str, float] | None = None,
        *,
        held: Sequence[HeldRelease] = (),
        alarms: Sequence[Alarm] = (),
        notifications: dict[str, int] | None = None,
        public_url: str | None = None,
        forge_url: str | None = None,
        disk: PlannedDisk | None = None,
    ) -> Self:
        """`held`: releases that wait for something other than the end of a rollout. Others: see RolloutProgress.of."""
        rollout = state.rollout
        holds = {h.release.key: h for h in held}
        return cls(
            state=_ACTIVITY.get(rollout.status, "idle") if rollout else "idle",
            current_operation=f"{rollout.release.tag}: {rollout.running_step or 'between steps'}" if rollout else None,
            active_color=state.active_color,
            paused=state.paused,
            pause_reason=state.pause_reason,
            last_checked_at=iso(state.last_checked_at),
            looked_at=iso(state.looked_at),
            last_attempted_tag=state.last_attempted_tag,
            last_good_tag=state.last_good_tag,
            current=Live.of(state.current) if state.current else None,
            rollout=RolloutProgress.of(rollout, steps, durations or {}) if rollout else None,
            queued=tuple(r.tag for r in state.accepted if r.key not in holds),
            held=tuple(h.release.tag for h in holds.values()),
            held_for=tuple(Held.of(h) for h in holds.values()),
            withdrawn=tuple(WithdrawnRelease.of(w) for w in reversed(_withdrawn(state)[-WITHDRAWN_SHOWN:])),
            alarms=tuple(alarms),
            notifications=notifications or {},
            repository=state.repository,
            public_url=public_url,
            forge_url=forge_url,
            disk=disk,
        )

    def rollout_of(self, tag: str) -> str | None:
        """The id of the running rollout of `tag`; None if there is none."""
        return self.rollout.id if self.rollout and self.rollout.tag == tag else None

    def is_running(self, rollout_id: str) -> bool:
        return self.rollout is not None and self.rollout.id == rollout_id


def _withdrawn(state: State) -> list[Withdrawal]:
    live = state.current
    found = [w for w in state.withdrawn if live is None or w.key == live.key or w.at >= live.since]
    return sorted(found, key=lambda w: w.at)


class IgnoredDelivery(ResponseModel):
    """A release that was ignored: `cause` is a stable word, `reason` says why and what to write, `at` is when.

    `delivery`: the id of the webhook; None if it was found in GitHub's list.
    """

    tag: str = ""
    repository: str = ""
    action: str = ""
    cause: str = ""
    reason: str = ""
    at: str = ""
    delivery: str | None = None

    @classmethod
    def of(cls, release: IgnoredRelease) -> Self:
        return cls(**{name: getattr(release, name) for name in cls.model_fields})


class Status(PublishedStatus):
    """The whole status. `last_result` is the result of the rollout that ended last; `ignored`: newest first."""

    worker_alive: bool = True
    last_result: Result | None = None
    ignored: tuple[IgnoredDelivery, ...] = ()
    uptime_seconds: float = 0.0


class Diagnostics(Status):
    """The status, and what the worker reports about the machine."""

    git_sha: str | None = None
    git_ref: str | None = None
    containers: tuple[dict[str, Any], ...] = ()
    disk_usage: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, Any] = Field(default_factory=dict)
