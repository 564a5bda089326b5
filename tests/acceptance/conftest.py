"""An environment for each test: engine, Redis, Traefik, the Procfile's processes, and the sample stack."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from deploy.demo.client_access import TIMES
from deploy.demo.docker.engine import Engine
from deploy.demo.environment import Environment, environment, logs_of

SHORT = {**TIMES, "bake": 1, "drain": 0.5, "health": 20, "ready": 20}
"""A release that never becomes healthy or ready costs these limits; a good one must keep them on a busy machine."""


@pytest.fixture(scope="session", autouse=True)
def redis_of_the_environment(redis_program: str) -> None:
    """Skips every test in this folder if no Redis server is available."""


@pytest.fixture
def times() -> Mapping[str, float]:
    """The limits of `home`, which a test may replace."""
    return SHORT


@pytest.fixture
def home(engine: Engine, images: tuple[str, str], tmp_path: Path, times: Mapping[str, float]) -> Iterator[Environment]:
    """An environment with no live release."""
    base, traefik = images
    with environment(tmp_path / "environment", engine, base=base, traefik=traefik, times=times) as built:
        yield built
        print(logs_of(built))
