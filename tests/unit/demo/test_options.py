"""Options of `bin/demo` that contradict each other are refused before anything starts."""

from pathlib import Path

import pytest

from app.domain.stack import EngineKind
from deploy.demo.__main__ import contradiction

STACK = Path("stack.yml")


@pytest.mark.parametrize(
    ("engine", "stack", "own_only", "sample_only", "expected"),
    [
        (EngineKind.COMPOSE, None, {"--tag": None}, {"--release": False}, None),
        (EngineKind.COMPOSE, STACK, {"--tag": "v1"}, {"--release": False}, None),
        (EngineKind.SWARM, None, {"--tag": None}, {"--release": False}, None),
        (EngineKind.COMPOSE, None, {"--tag": "v1", "--without": ["db"]}, {}, "--tag, --without needs --stack"),
        (EngineKind.COMPOSE, STACK, {}, {"--release": True}, "--release is of the sample stack, not of --stack"),
        (EngineKind.SWARM, STACK, {}, {}, "--stack cannot be played with --engine swarm"),
        (EngineKind.SWARM, None, {}, {"--pictures": STACK}, "--pictures cannot be played with --engine swarm"),
    ],
)
def test_contradiction_names_the_option(
    engine: EngineKind,
    stack: Path | None,
    own_only: dict[str, object],
    sample_only: dict[str, object],
    expected: str | None,
) -> None:
    assert contradiction(engine, stack, own_only, sample_only) == expected
