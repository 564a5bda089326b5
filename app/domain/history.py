"""What has become of the releases."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Self

from app.domain.errors import Cancelled, Interrupted, Superseded, Undone, UpdaterError, Withdrawn
from app.domain.figures import figures_of
from app.domain.release import Release
from app.domain.rollout import Rollout, RolloutStatus

_RESULTS = frozenset({Superseded.code, Cancelled.code, Withdrawn.code, Undone.code})
"""The reasons that are results themselves. For every other one, the release was refused."""


@dataclass(frozen=True)
class HistoryEntry:
    """How a release was decided: by a rollout, or without one as `superseded`, `cancelled` or `withdrawn`, or as
    `failed` if it was refused.

    `timestamp`: the moment of the decision, ISO 8601. `key`: the release's, empty in entries of the oldest versions.
    `by`: the caller that asked for the release, None if no caller did. `waits_again`: whether the release waits for
    another attempt; None in entries of older versions. `trace_id`: the id of the rollout's trace, None without one.
    `previous`: the tag that was live before. `recalled`: whether it brought a kept release back, without a build. The
    other figures: see Figures. All of them are None in entries of older versions.
    """

    rollout_id: str
    tag: str
    result: str
    timestamp: str
    key: str = ""
    version: str | None = None
    trigger: str | None = None
    reason_code: str | None = None
    error: str | None = None
    duration_seconds: float = 0.0
    sha: str | None = None
    by: str | None = None
    waits_again: bool | None = None
    trace_id: str | None = None
    previous: str | None = None
    flip_ms: float | None = None
    requests: int | None = None
    failed_requests: int | None = None
    gap_seconds: float | None = None
    recalled: bool | None = None

    @classmethod
    def of(cls, rollout: Rollout, *, waits_again: bool = False) -> Self:
        """Of a rollout that has ended."""
        assert rollout.completed_at is not None  # noqa: S101 - a rollout without an end has no entry
        return cls(
            rollout_id=rollout.id,
            tag=rollout.release.tag,
            result=rollout.status,
            timestamp=rollout.completed_at.isoformat(),
            key=rollout.release.key,
            version=rollout.release.shown_version,
            trigger=rollout.release.trigger,
            reason_code=rollout.reason_code,
            error=rollout.error,
            duration_seconds=rollout.duration_seconds,
            sha=rollout.sha,
            by=rollout.release.by,
            waits_again=waits_again,
            trace_id=rollout.trace_id,
            previous=rollout.previous.tag if rollout.previous else None,
            recalled=rollout.release.recall is not None,
            **asdict(figures_of(rollout)),
        )

    @classmethod
    def without_rollout(cls, release: Release, why: UpdaterError, at: datetime) -> Self:
        """Of a release that never got a rollout. One that was refused has failed, as one that a rollout refuses."""
        refused = why.code not in _RESULTS
        return cls(
            rollout_id=release.rollout_id,
            tag=release.tag,
            result=RolloutStatus.FAILED if refused else why.code,
            timestamp=at.isoformat(),
            key=release.key,
            version=release.shown_version,
            trigger=release.trigger,
            reason_code=why.code,
            error=str(why) if refused else why.detail,
            by=release.by,
            waits_again=False,
        )

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.timestamp)

    @property
    def undecided(self) -> bool:
        """Whether it is an attempt that was interrupted before its flip, and not the last one."""
        interrupted = self.result == RolloutStatus.FAILED and self.reason_code == Interrupted.code
        return interrupted and self.waits_again is not False


def decided_keys(history: Sequence[HistoryEntry]) -> list[str]:
    """The keys of the decided releases in `history`, which is newest first; the oldest key comes first."""
    return [entry.key for entry in reversed(history) if entry.key and not entry.undecided]


def went_live(history: Sequence[HistoryEntry]) -> list[HistoryEntry]:
    """The rollouts that made a release live, in their order: not those that only brought a kept one back."""
    return [entry for entry in history if entry.result == RolloutStatus.SUCCESS and not entry.recalled]


def proven_rollouts(history: Sequence[HistoryEntry]) -> frozenset[str]:
    """The ids of the rollouts that succeeded."""
    return frozenset(entry.rollout_id for entry in history if entry.result == RolloutStatus.SUCCESS)
