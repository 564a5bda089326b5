"""The state file with its previous copy, and the lock file, as the workers of one machine share them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from app.domain.state import State
from tests.fakes.processes import Process


class Damage(Enum):
    """The content of a file that cannot be read."""

    DAMAGED = "damaged"


DAMAGED = Damage.DAMAGED
Content = State | Damage | None
"""The content of a copy of the state file; None if the file does not exist."""


@dataclass
class Lock:
    """The lock file. Its holder recorded at `awake_at` that it was awake."""

    holder: Process | None
    awake_at: float
    released: bool = False

    @property
    def free(self) -> bool:
        return self.released or (self.holder is not None and not self.holder.alive)


@dataclass
class FakeDisk:
    """`full`: no write succeeds. `fails_late`: the next write fails after its file has been replaced.

    `seconds`: how long each part of a write takes. `writer` is the process that writes now, if any. `written` is called
    with the file's old and new content.
    """

    full: bool = False
    fails_late: bool = False
    seconds: float = 0.0
    file: Content = None
    previous: Content = None
    lock: Lock | None = None
    writer: Process | None = None
    written: Callable[[Content, State], None] = field(default=lambda *_: None)

    def replace(self, new: State) -> None:
        old, self.file = self.file, new
        self.written(old, new)
