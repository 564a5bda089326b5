"""The updater's own files: how much they use, and what is deleted."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Protocol

MIB = 1024**2

LOG_BYTES = 16 * MIB
"""The most that the log of one rollout uses on disk. Beyond it the oldest lines go."""

LOGS_BYTES = 512 * MIB
"""The most that all logs use on disk. Beyond it the oldest logs go."""

LOGS_KEPT = 1_000
"""How many logs are kept on disk: one for each rollout that the history lists."""


class Use(StrEnum):
    """What the updater's files are for."""

    LOGS = "logs"
    HISTORY = "history"
    MIRROR = "Git mirror"
    TREES = "release trees"
    DEFINITIONS = "definitions"
    FILES = "mounted files"
    OTHER = "other files"


class Storage(Protocol):
    """The updater's data directory. The calls block; nothing in them raises."""

    def used(self) -> Mapping[Use, int]:
        """The bytes on disk for each use."""

    def prune(self, keep: Collection[str]) -> int:
        """Deletes the oldest logs beyond LOGS_KEPT and LOGS_BYTES, but not those of the rollouts in `keep`.

        Also deletes what a killed worker left half written. Returns the bytes freed.
        """
