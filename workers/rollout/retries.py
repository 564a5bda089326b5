"""Whether and when a step that failed for a transient reason is tried again."""

from app.domain.errors import TagNotFound, UpdaterError
from app.domain.release import Release, Trigger
from workers.ports import Clock

FIRST_SECONDS, LONGEST_SECONDS = 2.0, 60.0
"""The first pause, and the longest one: each is twice the one before."""


class Retries:
    """The attempts of one step, for `seconds` after the first of them has failed. `attempt`: the latest one."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._pause = FIRST_SECONDS
        self._until: float | None = None
        self.attempt = 1

    def pause_after(self, error: UpdaterError, release: Release) -> float | None:
        """The seconds until the next attempt; None if there is none."""
        now = self._clock.monotonic()
        if self._until is None:
            self._until = now + self._seconds
        if not _may_pass(error, release) or now >= self._until:
            return None
        pause, self._pause = min(self._pause, self._until - now), min(2 * self._pause, LONGEST_SECONDS)
        self.attempt += 1
        return pause

    def count_in(self, error: UpdaterError) -> None:
        """Has the error of the last attempt say how many there were."""
        if self.attempt > 1 and error.transient:
            error.detail += f". {self.attempt} attempts in {self._seconds:g} s failed (times/retry)"


def _may_pass(error: UpdaterError, release: Release) -> bool:
    """A person who asks for a tag that does not exist has misspelled it."""
    return bool(error.transient) and not (isinstance(error, TagNotFound) and release.trigger is Trigger.MANUAL)
