"""The port that records how a rollout spent its time, for another system to show."""

from typing import Protocol

from app.domain.rollout import Rollout


class Tracing(Protocol):
    """Sends traces in the background: it never delays or fails a rollout."""

    def ended(self, rollout: Rollout) -> None:
        """Sends the trace of a rollout that has ended, if it has a `trace_id`."""
