"""Tracing in memory."""

from app.domain.rollout import Rollout


class FakeTracing:
    """Records the rollouts that have ended."""

    def __init__(self) -> None:
        self.rollouts: list[Rollout] = []

    def ended(self, rollout: Rollout) -> None:
        self.rollouts.append(rollout)
