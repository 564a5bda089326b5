"""A whole house per test: engine, Redis, Traefik, the processes of the Procfile, and the sample stack under them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.demo.engine import Engine
from deploy.demo.house import TIMES, House, house, logs_of

SHORT = {**TIMES, "bake": 1, "drain": 0.5, "health": 6, "ready": 8}


@pytest.fixture(scope="session", autouse=True)
def redis_of_the_house(redis_program: str) -> None:
    """Skips every test here when there is no Redis server."""


@pytest.fixture
def home(engine: Engine, images: tuple[str, str], tmp_path: Path) -> Iterator[House]:
    """Nothing is live yet."""
    base, traefik = images
    with house(tmp_path / "house", engine, base=base, traefik=traefik, times=SHORT) as built:
        yield built
        print(logs_of(built))
