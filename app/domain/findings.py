"""Problems that the updater finds: alarms between rollouts, and the checks of the doctor."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Alarm:
    """A current problem. `text` says what it means and what to do; `kind` is stable: see docs/operations.md."""

    kind: str
    text: str


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"

    @property
    def rank(self) -> int:
        """A higher rank is worse."""
        return list(Verdict).index(self)


@dataclass(frozen=True)
class Check:
    """The result of one check; `remedy` is empty if there is nothing to do."""

    name: str
    status: Verdict
    found: str
    remedy: str = ""
