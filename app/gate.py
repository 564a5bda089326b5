"""What an accepted release has to pass before it goes live by itself."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.decision import Decision, decide
from app.domain.stack import Window
from app.domain.state import State
from app.windows import opens_at


@dataclass(frozen=True)
class Gate:
    """As the operator set it: `enabled` is AUTO_UPDATE_ENABLED, `windows` the stack's."""

    enabled: bool = True
    windows: tuple[Window, ...] = ()

    def decide(self, state: State, now: datetime) -> Decision:
        """What goes, what never will, and what waits for what, at the moment `now`."""
        return decide(state, enabled=self.enabled, opens_at=opens_at(self.windows, now))
