"""Decides whether the checks of a release's commit let it go live: check runs and commit statuses, as one list."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.domain.errors import GitHubRefused

EXPECTED_SECONDS = 600.0
"""After this time, a check that never appeared is reported by name: CI may begin late, but not this late."""

SETTLE_SECONDS = 60.0
"""How long no check may be added before all of them count as green, if no names are required.

GitHub creates the checks of a pushed tag or a published release seconds later, on a commit that may be green already.
"""

NO_ACCESS = frozenset({401, 403, 404})
_GRANT = (
    "The worker's GITHUB_TOKEN may not read them. Use the token of a GitHub App with the permissions Checks (read), "
    "Commit statuses (read) and Contents (read), or a classic token with the scope `repo`. GitHub's fine-grained "
    "personal tokens cannot read check runs."
)

NAMES_SHOWN = 10
SHORT_SHA = 12


class CheckOutcome(StrEnum):
    """What a check says about its commit."""

    GREEN = "green"
    PENDING = "pending"
    RED = "red"


@dataclass(frozen=True)
class CommitCheck:
    """One check run or commit status. `word`: its result in GitHub's word. `link`: where people read about it."""

    name: str
    outcome: CheckOutcome
    word: str = ""
    link: str = ""


@dataclass(frozen=True)
class CommitChecks:
    """Every check of a commit. `unfinished`: a workflow runs that may still add checks."""

    checks: tuple[CommitCheck, ...] = ()
    unfinished: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Each as often as the commit has it."""
        return tuple(sorted(check.name for check in self.checks))


@dataclass(frozen=True)
class RequiredChecks:
    """Which checks a release waits for. `names`: empty for every check that its commit has, and at least one."""

    names: tuple[str, ...] = ()


class Standing(StrEnum):
    """Where the checks of a release stand. `missing`: one never appeared. `silent`: GitHub does not answer.

    `refused`: GitHub does not let this worker read them.
    """

    WAITING = "waiting"
    MISSING = "missing"
    SILENT = "silent"
    REFUSED = "refused"
    GREEN = "green"
    RED = "red"


@dataclass(frozen=True)
class JudgedChecks:
    """The checks of the commit `sha` of a release, as last seen; None if the commit is unknown.

    `text`: for people. Whole sentences that say what is missing and what to do; if a check is red, a clause with its
    link.
    """

    standing: Standing
    text: str = ""
    sha: str | None = None


def judged(required: RequiredChecks, found: CommitChecks, *, sha: str, waited: float, settled: float) -> JudgedChecks:
    """Judges what GitHub has for `sha`.

    `waited`: for how many seconds this commit was asked about. `settled`: for how many it has had the same checks.
    """
    counted = [c for c in found.checks if not required.names or c.name in required.names]
    if red := [c for c in counted if c.outcome is CheckOutcome.RED]:
        return JudgedChecks(Standing.RED, _red(red, sha), sha)
    if missing := _missing(required, found):
        late = waited >= EXPECTED_SECONDS
        return JudgedChecks(Standing.MISSING if late else Standing.WAITING, missing, sha)
    if pending := {c.name for c in counted if c.outcome is CheckOutcome.PENDING}:
        return JudgedChecks(Standing.WAITING, f"Not finished: {_listed(pending)}.", sha)
    if not required.names and (found.unfinished or settled < SETTLE_SECONDS):
        why = "A workflow has not ended yet" if found.unfinished else "All are green so far, and more may still begin"
        return JudgedChecks(Standing.WAITING, f"{why}.", sha)
    return JudgedChecks(Standing.GREEN, sha=sha)


def disputed(sha: str, commit: str, *, waited: float) -> JudgedChecks:
    """GitHub has the tag at `sha`, and Git has it at `commit`: no check of either commit decides. `waited`: seconds."""
    standing = Standing.MISSING if waited >= EXPECTED_SECONDS else Standing.WAITING
    text = (
        f"GitHub has the tag at commit {sha[:SHORT_SHA]}, and the repository at `source` has it at "
        f"{commit[:SHORT_SHA]}. The worker asks again. If this stays, push the tag to both, or publish a new release."
    )
    return JudgedChecks(standing, text, sha)


def unreadable(refused: GitHubRefused) -> str:
    """Why GitHub did not show the checks, and what to do."""
    return f"{refused}. {refused.advice or _GRANT}" if refused.status in NO_ACCESS else f"{refused}."


def _missing(required: RequiredChecks, found: CommitChecks) -> str:
    """Says which checks were never seen, and what to write; empty if none is missing."""
    known = {c.name for c in found.checks}
    if not required.names:
        return "" if known else "There is no check of this commit. If none runs for it, remove policy/require_checks."
    absent = [name for name in required.names if name not in known]
    if not absent:
        return ""
    others = f"It has {_listed(known)}" if known else "It has no check at all"
    return (
        f"There is no check named {_listed(absent)} for this commit. {others}. Write the names in "
        "policy/require_checks exactly as the commit shows them."
    )


def _red(red: Iterable[CommitCheck], sha: str) -> str:
    each = sorted({f"{c.name} ended with {c.word or c.outcome}{f' ({c.link})' if c.link else ''}" for c in red})
    return f"commit {sha[:SHORT_SHA]}: {_cut(each)}"


def _listed(names: Iterable[str]) -> str:
    return _cut(sorted(set(names)))


def _cut(each: list[str]) -> str:
    more = len(each) - NAMES_SHOWN
    return ", ".join(each[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
