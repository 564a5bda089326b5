import json

import pytest

from deploy.bench.__main__ import ROUNDS, line, tables
from deploy.bench.method.figures import compare


@pytest.mark.parametrize(("rounds", "whole"), [(1, False), (ROUNDS - 1, False), (ROUNDS, True), (ROUNDS + 4, True)])
def test_too_few_rounds_are_marked(rounds: int, whole: bool) -> None:
    figure = compare([1.0] * rounds, [2.0] * rounds, bench="b", figure="f", unit="ms", reference_name="r")
    (shown,) = tables([figure], rounds)
    assert json.loads(line(figure, rounds))["for_the_record"] is whole
    assert ("not for the record" in str(shown.title)) is not whole
