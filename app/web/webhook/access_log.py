"""One log line for each delivery: what arrived, the decision and the time taken. A sender cannot forge lines."""

import re
import time
from dataclasses import dataclass, field
from typing import Any

import structlog
from starlette.datastructures import Headers

log = structlog.get_logger()

LONGEST = {"delivery": 64, "github_event": 64, "action": 64, "tag": 120, "reason": 300}
"""How many characters of each value are kept."""

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True)
class Line:
    """A log line, created when the request arrives and written when it is answered."""

    headers: Headers
    began: float = field(default_factory=time.perf_counter)

    def write(self, status: int, decision: str, *, action: str = "", tag: str = "", reason: str = "") -> None:
        """Writes the line. Values are cut to LONGEST and reduced to printable ASCII."""
        values: dict[str, Any] = {
            "delivery": self.headers.get("x-github-delivery", ""),
            "github_event": self.headers.get("x-github-event", ""),
            "action": action,
            "tag": tag,
            "reason": reason,
        }
        shown = {name: clean(value, LONGEST[name]) for name, value in values.items()}
        elapsed = round((time.perf_counter() - self.began) * 1000, 1)
        log.info("delivery", **shown, status=status, decision=decision, ms=elapsed)


def clean(value: str, longest: int) -> str:
    """`value` made safe for the log: `?` replaces characters that are not printable ASCII, `...` marks a cut."""
    printable = _UNPRINTABLE.sub("?", value[: longest + 1])
    return printable if len(value) <= longest else printable[: longest - 3] + "..."
