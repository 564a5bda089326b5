"""Each row of the table, once: it fails when the protection that the row is about is taken out."""

from collections.abc import Iterator

import pytest

from deploy.demo.engine import Engine, EngineUnavailable
from tests.faults.dockerd import own_dockerd
from tests.faults.houses import Houses
from tests.faults.rows import ROWS
from tests.faults.trial import Row

pytestmark = [pytest.mark.engine, pytest.mark.faults]

SHARED = [row for _, row in sorted(ROWS.items()) if not row.own_engine]
OWN_ENGINE = [row for _, row in sorted(ROWS.items()) if row.own_engine]

SLOW_SECONDS = 3.0
"""bin/faults has clients that ask for 10 s; the old color of every rollout is kept for as long."""


def name(row: Row) -> str:
    return f"{row.number:02}-{row.play.__name__}"


@pytest.fixture(scope="module")
def houses(engine: Engine, images: tuple[str, str]) -> Iterator[Houses]:
    """Rows follow one another in a house for as long as each leaves it as it was."""
    with Houses(engine, slow_seconds=SLOW_SECONDS) as built:
        yield built


@pytest.fixture(scope="module")
def houses_on_their_own_engine() -> Iterator[Houses]:
    """On a Docker Engine that may be ended."""
    try:
        context = own_dockerd(print)
        engine, dockerd = context.__enter__()
    except EngineUnavailable as missing:
        pytest.skip(str(missing))
    try:
        with Houses(engine, dockerd, slow_seconds=SLOW_SECONDS) as built:
            yield built
    finally:
        context.__exit__(None, None, None)


@pytest.mark.parametrize("row", SHARED, ids=name)
def test_what_must_hold_holds(row: Row, houses: Houses) -> None:
    hold(row, houses)


@pytest.mark.parametrize("row", OWN_ENGINE, ids=name)
def test_what_must_hold_holds_when_the_engine_itself_ends(row: Row, houses_on_their_own_engine: Houses) -> None:
    hold(row, houses_on_their_own_engine)


def hold(row: Row, houses: Houses) -> None:
    result = houses.play(row)
    print(result.line())
    assert result.passed, f"{result.line()}\n{houses.last_words}"
    if result.skipped:
        pytest.skip(f"row {row.number}: {result.skipped}")
