"""One HTTP request to a service, directly or through its route."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: `status` 0 when there was none, `rollout` the value of the rollout header, `seconds` it took."""

    status: int
    seconds: float
    rollout: str | None = None
    error: str | None = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of success

    def __str__(self) -> str:
        return self.error or f"HTTP {self.status}"


class Probe(Protocol):
    async def get(self, url: str) -> Answer:
        """One GET; never raises, an answer that did not come has status 0."""
