"""What is taken out of the product to see a row fail is still there to be taken out."""

from typing import Any

import pytest

from deploy.demo.processes import ROOT
from tests.faults.environments import NO_ENVIRONMENT
from tests.faults.rows import ROWS
from tests.faults.unprotected import PROTECTIONS, Edit, Protection, seen_in, without


def test_every_row_has_a_protection() -> None:
    assert {p.row for p in PROTECTIONS} == set(ROWS)


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda p: f"{p.row:02}")
def test_it_is_taken_out_of_a_copy_alone(protection: Protection) -> None:
    before = {edit.file: (ROOT / edit.file).read_text() for edit in protection.edits}
    with without(protection) as root:
        for file, text in before.items():
            changed = (root / file).read_text()
            assert changed != text
            compile(changed, file, "exec")
    assert {file: (ROOT / file).read_text() for file in before} == before


def test_what_is_not_there_cannot_be_taken_out() -> None:
    protection = Protection(1, "nothing", (Edit("app/config/release_policy.py", "no such line", ""),))
    with (
        pytest.raises(ValueError, match=r"app/config/release_policy\.py has 'no such line' 0 times"),
        without(protection),
    ):
        pass


@pytest.mark.parametrize(
    ("result", "shown", "said"),
    [
        ({"problems": ["two bots"], "skipped": None}, True, "fails, as it should\n        two bots"),
        ({"problems": [], "skipped": None}, False, "STILL HOLDS"),
        ({"problems": [], "skipped": "it needs root"}, False, "WAS NOT PLAYED: it needs root"),
        (
            {"problems": [f"{NO_ENVIRONMENT}: no port"], "skipped": None},
            False,
            "WAS NOT PLAYED: there was no environment",
        ),
    ],
)
def test_only_a_row_that_was_played_and_failed_shows_its_protection(
    result: dict[str, Any], shown: bool, said: str
) -> None:
    seen = seen_in(result, PROTECTIONS[0])
    assert seen.shown is shown
    assert said in seen.line()


def test_where_nothing_goes_live_without_it_no_environment_is_what_is_seen() -> None:
    at_first = next(p for p in PROTECTIONS if p.at_first)
    assert seen_in({"problems": [f"{NO_ENVIRONMENT}: v1.0.0 did not go live"], "skipped": None}, at_first).shown
