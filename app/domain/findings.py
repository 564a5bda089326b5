"""What the updater finds wrong: alarms between rollouts, and the checks of the doctor."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Alarm:
    """What is wrong now. `text` says what it means and what to do; `kind` is a stable word: docs/operations.md."""

    kind: str
    text: str


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"

    @property
    def rank(self) -> int:
        """The higher, the worse."""
        return list(Verdict).index(self)


@dataclass(frozen=True)
class Check:
    """What was looked at, what was found, and what to do; `remedy` is empty when there is nothing to do."""

    name: str
    status: Verdict
    found: str
    remedy: str = ""
