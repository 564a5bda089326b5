"""Real parts that tests share. If the machine cannot provide one, its tests are skipped with the reason."""

import gc
import os
import sys
from collections.abc import Generator, Iterator

import pytest

from deploy.demo.docker.engine import Engine, EngineUnavailable, docker_engine
from deploy.demo.docker.images import ensure_base, ensure_traefik
from deploy.demo.redis_server import redis_binary
from tests import schedule
from tests.ending import Ending


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Ending(config))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collects no garbage meanwhile: almost all that is made then stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Spares the garbage collector the modules and the tests themselves, which stay until the end."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    schedule.in_order(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    return schedule.scheduler(config, log)


def _say(text: str) -> None:
    """Prints to standard error at once."""
    print(f"[set-up] {text}", file=sys.stderr, flush=True)


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A real Docker Engine: the one that answers, otherwise one that is started for this run."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        try:
            context = docker_engine(_say)
            started = context.__enter__()
        except EngineUnavailable as missing:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"not available here: Docker Engine: {missing}")
    try:
        yield started
    finally:
        context.__exit__(None, None, None)


@pytest.fixture(scope="session")
def redis_program() -> str:
    """The Redis server that tests start. A test that uses it is skipped with the reason when none is available."""
    try:
        return redis_binary(_say)
    except EngineUnavailable as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"not available here: Redis: {missing}")


@pytest.fixture(scope="session")
def images(engine: Engine, request: pytest.FixtureRequest) -> tuple[str, str]:
    """The base image of the sample stack, and Traefik's."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        return ensure_base(engine.host, _say), ensure_traefik(engine.host, _say)
