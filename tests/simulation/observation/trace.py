"""What happened in a play, line by line. The same schedule gives the same trace."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from tests.fakes.processes import PROCESS
from tests.simulation.observation.observed import Write

CHANGES = {"journal", "route", "engine"}


class Trace:
    """`now` is the time of the play. Lines are made only when they are read."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._entries: list[tuple[float, str, str, str, Any]] = []
        self._closed = False

    def add(self, kind: str, what: str, about: Mapping[str, Any] | None = None) -> None:
        self._add(kind, what, about)

    def write(self, write: Write) -> None:
        self._add("journal", "", write)

    def close(self) -> None:
        """Ends the trace: what abandoned tasks do when they are dropped did not happen."""
        self._closed = True

    def _add(self, kind: str, what: str, about: object) -> None:
        if not self._closed:
            process = PROCESS.get()
            self._entries.append((self._now(), process.name if process else "-", kind, what, about))

    def lines(self) -> list[str]:
        return [_line(*entry) for entry in self._entries]

    def changes(self, until: float) -> list[str]:
        """The lines before `until` about the stack, its route and the state file; of one moment, in any order."""
        return sorted(_line(*entry) for entry in self._entries if entry[2] in CHANGES and entry[0] < until)

    def digest(self) -> str:
        """A short value that differs if anything happened differently."""
        return hashlib.sha256("\n".join(self.lines()).encode()).hexdigest()[:16]


def _line(at: float, process: str, kind: str, what: str, about: Any) -> str:
    if isinstance(about, Write):
        what = _changes(about)
    elif about:
        what = f"{what} {' '.join(f'{k}={v}' for k, v in about.items())}"
    return f"{at:9.3f} {process:5} {kind:8} {what}"


def _changes(write: Write) -> str:
    """The fields of the state that the write changed."""
    before, after = vars(write.before), vars(write.after)
    changed = [f"{k}={_short(k, after[k])}" for k in after if after[k] != before[k] and k != "looked_at"]
    return f"{'afresh ' if write.afresh else ''}{' '.join(changed)}"


def _short(name: str, value: Any) -> str:
    if name == "rollout" and value is not None:
        last = value.steps[-1] if value.steps else None
        stopping = f" stopping={value.stopping}" if value.stopping else ""
        step = f"{last.name} {last.error or ('done' if last.completed else '…')}" if last else ""
        return f"({value.release.tag} {value.id} {value.status} {step}{stopping})"
    if name == "accepted":
        return f"({' '.join(release.rollout_id for release in value)})"
    if name in {"current", "previous"} and value is not None:
        return f"{value.tag}"
    return str(value)
