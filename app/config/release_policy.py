"""Holds accepted releases back: automatic updates off, approval, deploy windows."""

from dataclasses import dataclass
from datetime import datetime

from app.config.windows import opens_at
from app.domain.acceptance.decision import Decision, decide
from app.domain.release import Release
from app.domain.stack import Window
from app.domain.state import State
from app.domain.tags import TagRule


@dataclass(frozen=True)
class ReleasePolicy:
    """The operator's settings: AUTO_UPDATE_ENABLED, UPDATE_REQUIRE_APPROVAL, and the stack's windows and `tags`.

    `checks`: releases wait until the checks of their commits are green.
    """

    enabled: bool = True
    approval: bool = False
    checks: bool = False
    windows: tuple[Window, ...] = ()
    tags: TagRule = TagRule()  # noqa: RUF009 - it is frozen

    def decide(self, state: State, now: datetime) -> Decision:
        """Which releases go live, wait or are superseded at `now`."""
        opens = opens_at(self.windows, now)
        return decide(
            state,
            self.tags,
            enabled=self.enabled,
            approval=self.approval,
            checks=self.checks,
            opens_at=opens,
            now=now,
        )

    def awaits_approval(self, release: Release) -> bool:
        """Whether `release` needs an approval that it does not have."""
        return self.approval and not release.approved and not release.asked_for
