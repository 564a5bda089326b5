"""Computes how long to wait before the next request to GitHub."""

import random
from collections.abc import Callable

from app.domain.errors import GitHubUnavailable

FIRST_SECONDS = 5.0
LAST_SECONDS = 60.0
"""The upper limit of the doubled wait, because the network may be back at any moment."""

LONGEST_SECONDS = 3600.0
"""The upper limit of any wait. GitHub's rate limits last an hour at most."""

JITTER = 0.1
"""The largest random addition, as a share of the wait, so that updaters do not all ask in the same second."""


class Backoff:
    """Doubles the wait each time, or waits as long as GitHub requests, up to LONGEST_SECONDS."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._next = FIRST_SECONDS

    def done(self) -> None:
        """Resets the wait after a successful request."""
        self._next = FIRST_SECONDS

    def after(self, error: GitHubUnavailable) -> float:
        """Returns the seconds until the next request."""
        wait, self._next = max(self._next, error.wait), min(2 * self._next, LAST_SECONDS)
        return self.spread(min(wait, LONGEST_SECONDS))

    def spread(self, seconds: float) -> float:
        """Returns `seconds` plus a random share of up to JITTER."""
        return seconds * (1 + JITTER * self._jitter())
