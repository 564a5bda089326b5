"""How long to wait before the next request to GitHub."""

import random
from collections.abc import Callable

from app.domain.errors import GitHubUnavailable

FIRST_SECONDS = 5.0
LAST_SECONDS = 60.0
"""The network may be back at any moment."""

LONGEST_SECONDS = 3600.0
"""GitHub's rate limits are an hour at most; whatever it says, it is asked again then."""

JITTER = 0.1
"""By so much of it a wait is longer at most: not every updater asks in the same second."""


class Backoff:
    """Twice as long each time, or as long as GitHub wants; never for ever."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._next = FIRST_SECONDS

    def done(self) -> None:
        """It did what was asked."""
        self._next = FIRST_SECONDS

    def after(self, error: GitHubUnavailable) -> float:
        """Seconds until it is asked again."""
        wait, self._next = max(self._next, error.wait), min(2 * self._next, LAST_SECONDS)
        return self.spread(min(wait, LONGEST_SECONDS))

    def spread(self, seconds: float) -> float:
        """`seconds`, and a little more."""
        return seconds * (1 + JITTER * self._jitter())
