"""One HTTP request to a service, directly or through its route."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. `status` is 0 if none came, `seconds` the time it took, `rollout` the rollout header's value."""

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
        """Sends one GET. Never raises: if no answer comes, the status is 0."""
