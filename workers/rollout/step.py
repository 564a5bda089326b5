"""One step of a rollout: what it does, and how long it may take."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.domain.step import StepId, StepKind

if TYPE_CHECKING:
    from workers.rollout.run import Run

Evidence = Mapping[str, Any]
MARGIN_SECONDS = 15.0
"""How much longer than its own limit a step may take before it is cancelled from outside."""


@dataclass(frozen=True)
class Step:
    """One step of a rollout. `limit` is how many seconds its action may wait.

    `stops`: how many of them, one after another, are for a stop within `times/stop_grace`. Where an instance has a
    longer grace of its own, the step may wait longer. `retried`: after a transient failure it is tried again.
    """

    kind: StepKind
    action: Callable[["Run"], Awaitable[Evidence]]
    limit: float
    subject: str = ""
    stops: int = 0
    retried: bool = False

    @property
    def id(self) -> StepId:
        return StepId(self.kind, self.subject)

    @property
    def name(self) -> str:
        return self.id.name
