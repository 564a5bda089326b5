"""Which checks let a release go live."""

import pytest

from app.domain.required_checks import (
    EXPECTED_SECONDS,
    SETTLE_SECONDS,
    CheckOutcome,
    CommitCheck,
    CommitChecks,
    JudgedChecks,
    RequiredChecks,
    Standing,
    judged,
)
from tests.examples import sha_of

SHA = sha_of("v1.1.0")
ALL, NAMED = RequiredChecks(), RequiredChecks(("build", "lint"))
LINK = "https://github.com/octo/shop/runs/7"


def found(*, unfinished: bool = False, **outcomes: str) -> CommitChecks:
    words = {"green": "success", "pending": "in_progress", "red": "failure"}
    checks = [CommitCheck(name, CheckOutcome(each), words[each], LINK) for name, each in outcomes.items()]
    return CommitChecks(tuple(checks), unfinished)


def judge(
    required: RequiredChecks, checks: CommitChecks, waited: float = 0, settled: float = SETTLE_SECONDS
) -> JudgedChecks:
    return judged(required, checks, sha=SHA, waited=waited, settled=settled)


@pytest.mark.parametrize(
    ("required", "checks", "standing"),
    [
        (ALL, found(build="green", lint="green"), Standing.GREEN),
        (ALL, found(build="green", lint="pending"), Standing.WAITING),
        (ALL, found(build="pending", lint="red"), Standing.RED),
        (ALL, found(build="green", unfinished=True), Standing.WAITING),
        (ALL, found(), Standing.WAITING),
        (NAMED, found(build="green", lint="green", deploy="red"), Standing.GREEN),
        (NAMED, found(build="green", lint="green", deploy="pending", unfinished=True), Standing.GREEN),
        (NAMED, found(build="green"), Standing.WAITING),
        (NAMED, found(build="green", lint="pending"), Standing.WAITING),
        (NAMED, found(build="red"), Standing.RED),
        (NAMED, found(), Standing.WAITING),
    ],
)
def test_standing_of_a_commit(required: RequiredChecks, checks: CommitChecks, standing: Standing) -> None:
    assert judge(required, checks).standing is standing


def test_commit_without_checks_never_passes() -> None:
    for waited in (0, EXPECTED_SECONDS, 100 * EXPECTED_SECONDS):
        assert judge(ALL, found(), waited).standing in {Standing.WAITING, Standing.MISSING}
    assert judge(ALL, found(), EXPECTED_SECONDS).text == (
        "There is no check of this commit. If none runs for it, remove policy/require_checks."
    )


def test_green_commit_waits_for_checks_of_its_tag() -> None:
    early = judge(ALL, found(build="green"), EXPECTED_SECONDS, SETTLE_SECONDS - 1)
    assert (early.standing, early.text) == (Standing.WAITING, "All are green so far, and more may still begin.")
    assert judge(ALL, found(build="green")).standing is Standing.GREEN


def test_named_checks_need_no_time_to_settle() -> None:
    assert judge(NAMED, found(build="green", lint="green"), 0, 0) == JudgedChecks(Standing.GREEN, sha=SHA)


def test_one_of_two_checks_of_a_name_is_enough_to_refuse() -> None:
    green, red = found(build="green").checks, found(build="red").checks
    assert judge(RequiredChecks(("build",)), CommitChecks((*red, *green))).standing is Standing.RED


def test_red_check_is_named_with_its_link() -> None:
    assert judge(ALL, found(build="red", lint="green")).text == (
        f"commit {SHA[:12]}: build ended with failure ({LINK})"
    )


def test_name_that_never_appears_is_reported_with_the_others() -> None:
    checks = judge(NAMED, found(build="green", Lint="green"), EXPECTED_SECONDS)
    assert checks.standing is Standing.MISSING
    assert checks.text == (
        "There is no check named lint for this commit. It has Lint, build. Write the names in "
        "policy/require_checks exactly as the commit shows them."
    )


def test_many_names_are_cut() -> None:
    pending = tuple(CommitCheck(f"job{n:02}", CheckOutcome.PENDING) for n in range(30))
    assert judge(ALL, CommitChecks(pending)).text.endswith("job09 and 20 more.")
