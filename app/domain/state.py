"""The content of the journal, and its transitions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.release import LiveRelease, Release
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Color

SCHEMA = 1
DECIDED_KEPT = 500
"""How many decided releases are remembered: far more than the ledger may still list as pending."""


RAN_KEPT = 50


@dataclass(frozen=True)
class Ran:
    """A before_flip command that was begun for a commit, and whether it was seen to succeed."""

    sha: str
    service: str
    command: tuple[str, ...]
    completed: bool = False


@dataclass(frozen=True)
class State:
    """The content of the state file: intent and progress.

    `accepted` are the releases not yet decided, `decided` the keys of those that were: neither comes in again.
    `looked_at` is when the worker last asked itself what should be live, `last_checked_at` when it last asked GitHub.
    `rollout` is the running rollout, or one that a crash left. `route_id` is what the route file's answers carry.
    """

    active_color: Color | None = None
    route_id: str | None = None
    last_good_tag: str | None = None
    paused: bool = False
    pause_reason: str | None = None
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

    @property
    def is_blank(self) -> bool:
        """Nothing is known of the stack: a first start, or a journal that was lost."""
        return self.current is None and self.rollout is None and not self.decided

    @property
    def is_unwell(self) -> bool:
        """What is live failed its rollout, and stays because it cannot be rolled back."""
        return self.current is not None and self.last_good_tag is not None and self.current.tag != self.last_good_tag

    def begins_again(self, rollout: Rollout) -> bool:
        """An interrupted attempt is not the end: its id gets its final result later."""
        return any(waiting.rollout_id == rollout.id for waiting in self.accepted)

    def rebuilt(
        self,
        *,
        color: Color | None,
        current: LiveRelease | None,
        previous: LiveRelease | None,
        decided: Sequence[str],
        epoch: int,
    ) -> "State":
        """What is known again of a stack whose journal was lost."""
        return replace(
            self,
            active_color=color,
            current=current,
            previous=previous,
            last_good_tag=current.tag if current else None,
            decided=tuple(dict.fromkeys((*self.decided, *decided)))[-DECIDED_KEPT:],
            epoch=max(self.epoch, epoch),
        )

    @property
    def nothing_is_known_live(self) -> bool:
        """What serves, if anything does, is not the updater's."""
        return self.rollout is None and (self.current is None or self.active_color is None)

    def adopt(self, live: LiveRelease, color: Color) -> "State":
        """`live`, which ran on `color` before the updater did, is the current release from now on."""
        return replace(
            self, active_color=color, route_id=live.rollout_id, current=live, last_good_tag=live.tag, previous=None
        )

    def accept(self, *releases: Release) -> "State":
        """Adds releases that were never here; the same key is the same release."""
        running = {self.rollout.release.key} if self.rollout else set()
        known = {r.key for r in self.accepted} | set(self.decided) | running
        new = {r.key: r for r in reversed(releases) if r.key not in known}
        return replace(self, accepted=(*self.accepted, *reversed(new.values())))

    def requeue(self, release: Release) -> "State":
        """The release is to be decided once more."""
        decided = tuple(key for key in self.decided if key != release.key)
        return replace(self, decided=decided).accept(release)

    def drop(self, *releases: Release) -> "State":
        """The releases are decided."""
        gone = {r.key for r in releases}
        left = tuple(r for r in self.accepted if r.key not in gone)
        return replace(self, accepted=left, decided=(*self.decided, *sorted(gone))[-DECIDED_KEPT:])

    def approve(self, tag: str) -> "State":
        """The releases of that tag that wait may go live."""
        return replace(self, accepted=tuple(replace(r, approved=True) if r.tag == tag else r for r in self.accepted))

    def look(self, at: datetime) -> "State":
        """What should be live was asked, of what is known here."""
        return replace(self, looked_at=at)

    def check(self, at: datetime) -> "State":
        """What is published was compared with what is live, decided or held."""
        return replace(self, last_checked_at=at)

    def take_over(self) -> "State":
        """A worker's turn begins: every older worker's epoch is stale from here on."""
        return replace(self, epoch=self.epoch + 1)

    def begin(self, rollout: Rollout) -> "State":
        return replace(self.drop(rollout.release), rollout=rollout, last_attempted_tag=rollout.release.tag)

    def progress(self, rollout: Rollout) -> "State":
        return replace(self, rollout=rollout)

    def ran_for(self, sha: str, service: str, command: tuple[str, ...]) -> Ran | None:
        """What is known of that command for that commit; None where it was never begun."""
        return next((r for r in self.ran if (r.sha, r.service, r.command) == (sha, service, command)), None)

    def run(self, ran: Ran) -> "State":
        """The command is begun, or has succeeded."""
        others = (r for r in self.ran if replace(r, completed=False) != replace(ran, completed=False))
        return replace(self, ran=(*others, ran)[-RAN_KEPT:])

    def routed_to(self, color: Color | None, route_id: str | None) -> "State":
        """`route_id` None: the file may say otherwise, and is looked at before anything else is begun."""
        return replace(self, active_color=color, route_id=route_id)

    def pause(self, reason: str) -> "State":
        return replace(self, paused=True, pause_reason=reason)

    def unpause(self, at: datetime) -> "State":
        return replace(self, paused=False, pause_reason=None, resumed_at=at)

    def finish(self, rollout: Rollout, at: datetime) -> "State":
        """The rollout has its final status: a success, and what cannot be rolled back, becomes the current release."""
        ended = replace(self, rollout=None)
        same = self.current is not None and self.current.sha == rollout.sha
        good = rollout.status is RolloutStatus.SUCCESS
        if rollout.sha is None or not (good or rollout.stays):
            return replace(ended, last_failure_at=at)
        kept = self.previous if self.previous and self.previous.sha == rollout.sha else None
        adopted = kept is not None and kept.adopted and rollout.release.recall is not None
        live = LiveRelease(rollout.release.tag, rollout.sha, rollout.id, at, adopted)
        moved = replace(
            ended,
            active_color=rollout.target,
            current=live,
            previous=self.previous if same else rollout.previous,
        )
        if not good:
            return replace(moved, last_failure_at=at)
        return replace(moved, last_good_tag=live.tag, last_success_at=at)
