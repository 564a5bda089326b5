"""Plays each row of the fault table once; a row fails when its protection is removed."""

import os
from collections.abc import Iterator

import pytest

from deploy.demo.docker.engine import Engine
from tests.faults.rows import ROWS
from tests.faults.scenario import Row
from tests.faults.slot import Orders
from tests.faults.slots import Slots

pytestmark = [pytest.mark.engine, pytest.mark.faults]

SLOTS = 4
"""Rows mostly wait: this many keep two cores busy, with one more slot for the rows that end the engine."""

SLOW_SECONDS = 3.0
"""bin/faults uses 10 s; every rollout drains its old color for as long as the longest request."""

PATIENCE = 3.0
"""bin/faults measures how fast rows converge; here several rows share the machine, so the limits are longer."""

ROW_SECONDS = 1800.0
"""The limit for a row, including the rows before it in its slot."""


@pytest.fixture(scope="session")
def slots(request: pytest.FixtureRequest, engine: Engine, images: tuple[str, str]) -> Iterator[Slots]:
    """Starts all selected rows with the first test; each test waits for its own row."""
    selected = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    rows = [params["row"] for params in selected if isinstance(params.get("row"), Row)]
    with Slots(rows, Orders(engine.host, own=False, repeat=1, slow=SLOW_SECONDS, patience=PATIENCE), SLOTS) as playing:
        yield playing


PLAYED = [ROWS[n] for n in sorted(ROWS) if not ROWS[n].by_tests]
"""The other rows are test files, which run as such."""


@pytest.mark.parametrize("row", PLAYED, ids=lambda row: f"{row.number:02}-{row.play.__name__}")
def test_every_row_passes(row: Row, slots: Slots) -> None:
    played = slots.results[row.number].result(ROW_SECONDS)
    print(played.result.line())
    assert played.result.passed, f"{played.result.line()}\n{played.last_words}"
    if why := played.result.skipped:
        assert not os.environ.get("CI"), f"CI must play row {row.number}: {why}"
        pytest.skip(f"row {row.number}: {why}")
