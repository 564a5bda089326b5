"""The content of the state file, and its transitions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.acceptance.repository import KnownRepository
from app.domain.ran import RAN_KEPT, Ran
from app.domain.release import LiveRelease, Release, stays_failed
from app.domain.required_checks import JudgedChecks
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Color
from app.domain.tags import UNKNOWN_TAG
from app.domain.withdrawal import Withdrawal, published_again

SCHEMA = 1
DECIDED_KEPT = 500
"""How many decided releases are kept: far more than the ledger can still list as pending."""


@dataclass(frozen=True)
class Dropped:
    """A release that was decided without a rollout, and why: `code` and `detail` of an UpdaterError."""

    release: Release
    code: str
    detail: str


@dataclass(frozen=True)
class State:
    """The content of the state file: intent and progress.

    `accepted` are the releases not yet decided, `decided` the keys of those that were: neither is accepted again.
    `looked_at` is when the worker last decided what should be live, `last_checked_at` when it last asked GitHub.
    `rollout` is the running rollout, or one that a crash left behind. `route_id` is the rollout id that answers through
    the route carry. `not_adopted`: the pause is for a running stack that could not be adopted. `ledger_unread`: the
    state was rebuilt, and the releases that only the ledger knows are not accepted again yet. `lost_rollout`: it was
    rebuilt, and what a rollout left that it no longer knows has not been ended yet. `unreported` are decided releases
    that the history may not have yet. `repository` is the one that the releases come from. `withdrawn`: the last
    releases that were withdrawn on GitHub.
    """

    active_color: Color | None = None
    route_id: str | None = None
    last_good_tag: str | None = None
    paused: bool = False
    pause_reason: str | None = None
    not_adopted: bool = False
    last_checked_at: datetime | None = None
    last_attempted_tag: str | None = None
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    resumed_at: datetime | None = None
    looked_at: datetime | None = None
    schema: int = SCHEMA
    epoch: int = 0
    current: LiveRelease | None = None
    previous: LiveRelease | None = None
    rollout: Rollout | None = None
    accepted: tuple[Release, ...] = ()
    decided: tuple[str, ...] = ()
    ran: tuple[Ran, ...] = ()
    ledger_unread: bool = False
    lost_rollout: bool = False
    unreported: tuple[Dropped, ...] = ()
    withdrawn: tuple[Withdrawal, ...] = ()
    repository: KnownRepository | None = None

    @property
    def is_blank(self) -> bool:
        """Whether nothing is known about the stack: the first start, or the state file was lost."""
        return self.current is None and self.rollout is None and not self.decided

    @property
    def is_unwell(self) -> bool:
        """Whether the live release failed its rollout and stays because it cannot be rolled back."""
        return self.current is not None and stays_failed(self.current.tag, self.last_good_tag)

    @property
    def kept(self) -> tuple[LiveRelease, ...]:
        """The live release, and the one before it: what can be rolled back to is kept."""
        return tuple(live for live in (self.current, self.previous) if live)

    def begins_again(self, rollout: Rollout) -> bool:
        """Whether `rollout` was interrupted and will be retried under the same id."""
        return any(waiting.rollout_id == rollout.id for waiting in self.accepted)

    def waits_again(self, rollout: Rollout) -> bool:
        """Whether the release of `rollout`, which has ended, waits for another rollout."""
        return any(waiting.key == rollout.release.key for waiting in self.accepted)

    def retries(self, rollout: Rollout) -> bool:
        """Whether `rollout` was not the first attempt of its release, and failed, and will be retried once more."""
        key = rollout.release.key
        return rollout.release.retry_at is not None and any(r.key == key and r.retry_at for r in self.accepted)

    def rebuilt(
        self,
        *,
        color: Color | None,
        current: LiveRelease | None,
        previous: LiveRelease | None,
        good: str | None,
        decided: Sequence[str],
        epoch: int,
    ) -> "State":
        """The state of a stack whose state file was lost, from other sources. `good`: the last good tag."""
        return replace(
            self,
            active_color=color,
            current=current,
            previous=previous,
            last_good_tag=good,
            decided=tuple(dict.fromkeys((*self.decided, *decided)))[-DECIDED_KEPT:],
            epoch=max(self.epoch, epoch),
            ledger_unread=True,
            lost_rollout=True,
        )

    @property
    def nothing_is_known_live(self) -> bool:
        """Whether the updater has no live release: nothing serves, or a stack that it has not adopted."""
        return self.rollout is None and (self.current is None or self.active_color is None)

    def adopt(self, live: LiveRelease, color: Color) -> "State":
        """Makes `live`, which already ran on `color`, the current release. An unknown tag keeps the last good one."""
        good = _known(live.tag, self.last_good_tag)
        return replace(
            self, active_color=color, route_id=live.rollout_id, current=live, last_good_tag=good, previous=None
        )

    @property
    def at_work(self) -> tuple[Release, ...]:
        """The releases that wait or run."""
        return (*self.accepted, self.rollout.release) if self.rollout else self.accepted

    @property
    def known_keys(self) -> set[str]:
        """The keys of the releases that wait, run or were decided."""
        return {r.key for r in self.at_work} | set(self.decided)

    def accept(self, *releases: Release) -> "State":
        """Adds the releases whose key is not known yet, or that were published again after they were withdrawn."""
        again = {r.key for r in releases if self.published_again(r.key, r.published_at)}
        known = self.known_keys - again
        new = {r.key: r for r in reversed(releases) if r.key not in known}
        return replace(
            self,
            accepted=(*self.accepted, *reversed(new.values())),
            decided=tuple(key for key in self.decided if key not in again),
            withdrawn=tuple(w for w in self.withdrawn if w.key not in again),
        )

    def published_again(self, key: str, published_at: datetime | None) -> bool:
        """Whether a release with that key was withdrawn, and published again since. It does not wait or run yet."""
        return all(r.key != key for r in self.at_work) and published_again(self.withdrawn, key, published_at)

    def requeue(self, release: Release) -> "State":
        """Puts a release back to be decided again."""
        decided = tuple(key for key in self.decided if key != release.key)
        return replace(self, decided=decided).accept(release)

    def drop(self, *releases: Release) -> "State":
        """Marks the releases as decided."""
        if not releases:
            return self
        gone = {r.key for r in releases}
        left = tuple(r for r in self.accepted if r.key not in gone)
        return replace(self, accepted=left, decided=(*self.decided, *sorted(gone))[-DECIDED_KEPT:])

    def dismiss(self, *dropped: Dropped) -> "State":
        """Marks the releases as decided without a rollout, which is to be reported.

        A pause that would have ended with one of them says that it does not.
        """
        if not dropped:
            return self
        left = replace(self.drop(*(d.release for d in dropped)), unreported=(*self.unreported, *dropped))
        ended = next((d for d in dropped if d.release.retry_at and d.release in self.accepted), None)
        if not self.paused or ended is None or any(r.retry_at for r in left.accepted):
            return left
        text = f"{ended.release.tag} is not tried again ({ended.code}): the pause stays until you unpause."
        return replace(left, pause_reason=f"{self.pause_reason or ''} {text}".lstrip())

    def reported(self, *dropped: Dropped) -> "State":
        return replace(self, unreported=tuple(d for d in self.unreported if d not in dropped))

    def approve(self, tag: str) -> "State":
        """Approves the waiting releases with that tag, for their commits: one whose commit is not known stays held."""

        def approved(release: Release) -> Release:
            known = release.tag == tag and release.commit is not None
            return replace(release, approved=True) if known else release

        return replace(self, accepted=tuple(map(approved, self.accepted)))

    def judge(self, key: str, checks: JudgedChecks) -> "State":
        """Records what is known of the checks of a waiting release."""
        return replace(self, accepted=tuple(replace(r, checks=checks) if r.key == key else r for r in self.accepted))

    def dated(self, dates: Mapping[str, datetime]) -> "State":
        """Records when GitHub published each tag. It may have been accepted without that date."""

        def live(release: LiveRelease | None) -> LiveRelease | None:
            return release and replace(release, published_at=dates.get(release.tag, release.published_at))

        accepted = tuple(replace(r, published_at=dates.get(r.tag, r.published_at)) for r in self.accepted)
        return replace(self, current=live(self.current), previous=live(self.previous), accepted=accepted)

    def look(self, at: datetime) -> "State":
        """Records that the worker decided what should be live."""
        return replace(self, looked_at=at)

    def check(self, at: datetime) -> "State":
        """Records that the published releases were compared with the live, decided and waiting ones."""
        return replace(self, last_checked_at=at)

    def take_over(self) -> "State":
        """Starts a new worker's epoch, which makes every older worker stale."""
        return replace(self, epoch=self.epoch + 1)

    def begin(self, rollout: Rollout) -> "State":
        """Records the start of a rollout. One of a kept release without a known tag keeps the last attempted tag."""
        attempted = _known(rollout.release.tag, self.last_attempted_tag)
        return replace(self.drop(rollout.release), rollout=rollout, last_attempted_tag=attempted)

    def progress(self, rollout: Rollout) -> "State":
        return replace(self, rollout=rollout)

    def ran_before(self, ran: Ran) -> Ran | None:
        """The record of that command, in that service and for that commit; None if it was never started."""
        return next((r for r in self.ran if r.is_of(ran)), None)

    def run(self, ran: Ran) -> "State":
        """Records that the command was started, or that it succeeded."""
        others = (r for r in self.ran if not r.is_of(ran))
        return replace(self, ran=(*others, ran)[-RAN_KEPT:])

    def routed_to(self, color: Color | None, route_id: str | None) -> "State":
        """`route_id` None: the route file may differ, and is checked before anything else starts."""
        return replace(self, active_color=color, route_id=route_id)

    def pause(self, reason: str, *, not_adopted: bool = False) -> "State":
        """Pauses until a person resumes: no release that is tried again ends this pause."""
        running = replace(self.rollout, release=_unretried(self.rollout.release)) if self.rollout else None
        accepted = tuple(_unretried(release) for release in self.accepted)
        paused = replace(self, paused=True, pause_reason=reason, not_adopted=not_adopted)
        return replace(paused, accepted=accepted, rollout=running)

    def unpause(self, at: datetime) -> "State":
        return replace(self, paused=False, pause_reason=None, not_adopted=False, resumed_at=at)

    def finish(self, rollout: Rollout, at: datetime) -> "State":
        """Records the end of a rollout. Its release becomes current if it succeeded or cannot be rolled back."""
        ended = replace(self, rollout=None)
        same = self.current is not None and self.current.sha == rollout.sha
        good = rollout.status is RolloutStatus.SUCCESS
        if rollout.sha is None or not (good or rollout.stays):
            return replace(ended, last_failure_at=at)
        kept = self.previous if self.previous and self.previous.sha == rollout.sha else None
        adopted = kept is not None and kept.adopted and rollout.release.recall is not None
        live = LiveRelease(
            rollout.release.tag,
            rollout.sha,
            rollout.id,
            at,
            adopted,
            rollout.copies,
            rollout.release.dated.published_at,
            rollout.release.key,
        )
        moved = replace(
            ended,
            active_color=rollout.target,
            current=live,
            previous=self.previous if same else rollout.previous,
        )
        if not good:
            return replace(moved, last_failure_at=at)
        return replace(moved, last_good_tag=_known(live.tag, self.last_good_tag), last_success_at=at)


def _known(tag: str, before: str | None) -> str | None:
    """`tag`; `before` if that is only known as UNKNOWN_TAG."""
    return before if tag == UNKNOWN_TAG else tag


def _unretried(release: Release) -> Release:
    return replace(release, retry_at=None) if release.retry_at else release
