"""Each row of the table, once: it fails when the protection that the row is about is taken out."""

import os
from collections.abc import Iterator

import pytest

from deploy.demo.engine import Engine
from tests.faults.rows import ROWS
from tests.faults.scenario import Row
from tests.faults.slot import Orders
from tests.faults.slots import Slots

pytestmark = [pytest.mark.engine, pytest.mark.faults]

SLOTS = 2
"""Rows are mostly waiting: so many keep two cores busy, with one more for the rows that end the engine."""

SLOW_SECONDS = 3.0
"""bin/faults has clients that ask for 10 s; the old color of every rollout is kept for as long."""

PATIENCE = 3.0
"""How fast the rows converge is measured by bin/faults: here several share a machine that does nothing else."""

ROW_SECONDS = 1800.0
"""What a row may take, those before it in its slot included."""


@pytest.fixture(scope="session")
def slots(request: pytest.FixtureRequest, engine: Engine, images: tuple[str, str]) -> Iterator[Slots]:
    """All the rows that are asked for are begun with the first; each test waits for its own."""
    asked = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    rows = [params["row"] for params in asked if isinstance(params.get("row"), Row)]
    with Slots(rows, Orders(engine.host, own=False, repeat=1, slow=SLOW_SECONDS, patience=PATIENCE), SLOTS) as playing:
        yield playing


PLAYED = [ROWS[n] for n in sorted(ROWS) if not ROWS[n].by_tests]
"""The others are tests themselves, and are run as such."""


@pytest.mark.parametrize("row", PLAYED, ids=lambda row: f"{row.number:02}-{row.play.__name__}")
def test_every_row_passes(row: Row, slots: Slots) -> None:
    played = slots.results[row.number].result(ROW_SECONDS)
    print(played.result.line())
    assert played.result.passed, f"{played.result.line()}\n{played.last_words}"
    if why := played.result.skipped:
        assert not os.environ.get("CI"), f"row {row.number} has to be shown here: {why}"
        pytest.skip(f"row {row.number}: {why}")
