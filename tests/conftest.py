"""The real parts that tests share; one that a machine cannot give is named and counted at the end."""

import os
from collections.abc import Iterator

import pytest

from deploy.demo.engine import Engine, EngineUnavailable, docker_engine
from deploy.demo.images import ensure_base, ensure_traefik

_missing: dict[str, str] = {}


def _say(text: str) -> None:
    print(f"[set-up] {text}", flush=True)


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A real Docker Engine: the one that answers, else one of our own for this run."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        try:
            context = docker_engine(_say)
            started = context.__enter__()
        except EngineUnavailable as missing:
            _missing["Docker Engine"] = str(missing)
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no Docker Engine: {missing}")
    try:
        yield started
    finally:
        context.__exit__(None, None, None)


@pytest.fixture(scope="session")
def images(engine: Engine, request: pytest.FixtureRequest) -> tuple[str, str]:
    """The base image of the sample stack, and Traefik's."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        return ensure_base(engine.host, _say), ensure_traefik(engine.host, _say)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for part, reason in _missing.items():
        terminalreporter.write_line(f"not available here: {part}: {reason}")
