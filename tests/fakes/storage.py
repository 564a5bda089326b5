"""The updater's own files, in memory."""

from collections.abc import Collection, Mapping

from workers.ports.storage import Use


class FakeStorage:
    """The updater's own files: what they use, and the logs on disk, by rollout id."""

    def __init__(self) -> None:
        self.uses = dict.fromkeys(Use, 0)
        self.logs: set[str] = set()

    def used(self) -> Mapping[Use, int]:
        return self.uses

    def prune(self, keep: Collection[str]) -> int:
        """Deletes all logs but those to keep, as if there were far too many."""
        before = len(self.logs)
        self.logs &= set(keep)
        return before - len(self.logs)
