"""Counts of clients' requests and 5xx answers, and the rule for when they require a rollback."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt

FEWEST_ERRORS = 3
"""One or two failed requests prove nothing."""

CERTAINTY = 3.0
"""In standard deviations. A color within the tolerance is judged worse with a chance of about 1 in 700 per check."""


@dataclass(frozen=True)
class Tally:
    """How many requests there were, and how many of them got a 5xx answer. `seconds`: what all took together."""

    requests: int = 0
    errors: int = 0
    seconds: float = 0.0

    def since(self, before: "Tally") -> "Tally":
        """The requests after `before`. A counter that has decreased was reset, so all of it came after."""
        if self.requests < before.requests or self.errors < before.errors:
            return self
        return Tally(
            self.requests - before.requests, self.errors - before.errors, max(0.0, self.seconds - before.seconds)
        )

    def plus(self, other: "Tally") -> "Tally":
        return Tally(self.requests + other.requests, self.errors + other.errors, self.seconds + other.seconds)

    def without(self, own: "Tally") -> "Tally":
        """The tally without `own`, the updater's own requests."""
        errors = max(0, self.errors - own.errors)
        return Tally(max(errors, self.requests - own.requests), errors)

    def with_answer(self, status: int) -> "Tally":
        return Tally(self.requests + 1, self.errors + (status >= 500))  # noqa: PLR2004 - the server's own failures

    @property
    def share(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    def __str__(self) -> str:
        return f"{self.errors} of {self.requests}"


@dataclass
class Traffic:
    """Requests and 5xx answers of the new color by routed service, compared with the old color.

    `old` holds the old color's totals. `base` holds the new color's counters at the flip; if it is None, the first
    count is used. `unknown` says why nothing was counted.
    """

    old: Mapping[str, Tally] = field(default_factory=dict)
    base: Mapping[str, Tally] | None = None
    unknown: str | None = None
    _seen: dict[str, Tally] = field(default_factory=dict)
    _probes: dict[str, Tally] = field(default_factory=dict)

    def probed(self, service: str, status: int) -> None:
        """Records a request of the updater itself, because Traefik counts it too."""
        self._probes[service] = self._probes.get(service, Tally()).with_answer(status)

    def count(self, counted: Mapping[str, Tally]) -> None:
        if self.base is None:
            self.base = counted
            self._probes.clear()
        for name, tally in counted.items():
            came = tally.since(self.base.get(name, Tally()))
            self._seen[name] = came.without(self._probes.get(name, Tally()))

    def failing(self, tolerance: float) -> str | None:
        """The first service that is certainly worse than before, by `is_worse`."""
        return next((n for n, t in self._seen.items() if is_worse(t, self._old(n), tolerance)), None)

    def said(self, service: str) -> str:
        now, before = self._seen[service], self._old(service)
        return f"{now} client requests got a 5xx answer; on the old color {before}"

    def evidence(self) -> dict[str, object]:
        """The counts by service, and why nothing was counted if that is so."""
        counts: dict[str, object] = {
            name: {"requests": t.requests, "errors": t.errors, "before": str(self._old(name))}
            for name, t in self._seen.items()
        }
        return counts | ({"unknown": self.unknown} if self.unknown else {})

    def _old(self, service: str) -> Tally:
        return self.old.get(service, Tally())


def is_worse(new: Tally, old: Tally, tolerance: float) -> bool:
    """Whether `new`'s share of failed requests is certainly more than `tolerance` above `old`'s.

    "Certainly" uses the lower end of Wilson's score interval, so a few requests must nearly all fail, many need not.
    https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval#Wilson_score_interval
    """
    return new.errors >= FEWEST_ERRORS and _at_least(new) > old.share + tolerance


def _at_least(tally: Tally) -> float:
    n, share, z = tally.requests, tally.share, CERTAINTY
    middle = share + z * z / (2 * n)
    spread = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (middle - spread) / (1 + z * z / n)
