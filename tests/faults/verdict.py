"""The result of one row, and its printed form."""

import json
from dataclasses import asdict, dataclass, field

from deploy.demo.load import Report


@dataclass
class Result:
    """`seconds` is the longest time to converge after the end of a fault; `problems` is what did not hold."""

    row: int
    fault: str
    holds: str
    repeats: int = 0
    requests: int = 0
    failed: int = 0
    max_bots: int = 0
    seconds: float | None = None
    end: str = ""
    took: float = 0.0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: str | None = None

    @property
    def passed(self) -> bool:
        return not self.problems

    @property
    def verdict(self) -> str:
        if self.problems:
            return "FAIL"
        return "skip" if self.skipped else "ok"

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.problems.append(otherwise)

    def converged(self, seconds: float) -> None:
        self.seconds = round(max(self.seconds or 0.0, seconds), 1)

    def saw(self, report: Report) -> None:
        self.requests += report.requests
        self.failed += report.failed

    def line(self) -> str:
        """One line for a person; each problem and note is on its own line."""
        seconds = "-" if self.seconds is None else f"{self.seconds:.1f}"
        head = (
            f"{self.verdict:4} {self.row:2}  {self.fault}: {self.repeats} times, {self.requests:,} requests, "
            f"{self.failed} failed, at most {self.max_bots} bots, {seconds} s to converge, {self.end or '-'}"
        )
        if self.skipped and not self.problems:
            head = f"skip {self.row:2}  {self.fault}: {self.skipped}"
        return "\n".join([head, *(f"        {p}" for p in self.problems), *(f"        ({n})" for n in self.notes)])

    def as_json(self) -> str:
        return json.dumps({"verdict": self.verdict, **asdict(self)})
