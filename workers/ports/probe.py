"""One HTTP request to a service, directly or through its route."""

from dataclasses import dataclass
from typing import Protocol

from app.domain.routing.probe_request import SUCCESS, ProbeRequest


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. `status` is 0 if none came, `seconds` the time it took, `rollout` the rollout header's value.

    `accepted`: the statuses that count as healthy. `location`: where a redirect leads.
    """

    status: int
    seconds: float
    rollout: str | None = None
    error: str | None = None
    accepted: frozenset[int] = SUCCESS
    location: str | None = None

    @property
    def ok(self) -> bool:
        return self.status in self.accepted

    def __str__(self) -> str:
        return self.error or f"HTTP {self.status}" + (f" to {self.location}" if self.location else "")


class Probe(Protocol):
    async def ask(self, request: ProbeRequest) -> Answer:
        """Sends one request, follows no redirect. Never raises: if no answer comes, the status is 0."""
