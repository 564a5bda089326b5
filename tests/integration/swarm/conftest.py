"""A real swarm of two nodes, for the tests of this package. They run in one process: see tests/schedule.py."""

import os
import sys
from collections.abc import Iterator

import pytest

from deploy.demo.docker.engine import EngineUnavailable
from deploy.demo.docker.images import ensure_base
from deploy.demo.docker.swarm import SwarmLab, docker_swarm
from deploy.demo.processes import ROOT
from tests.integration.swarm.swarm_sample import SwarmSample, swarm_sample

HOME = ROOT / ".cache" / "swarm"


def _say(text: str) -> None:
    print(f"[set-up] {text}", file=sys.stderr, flush=True)


@pytest.fixture(scope="session")
def swarm(request: pytest.FixtureRequest) -> Iterator[SwarmLab]:
    """Two nodes, of which the first is the manager. A module may ask for other numbers of nodes and managers."""
    size, managers = getattr(request, "param", (2, 1))
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        try:
            context = docker_swarm(HOME, _say, size, managers)
            started = context.__enter__()
        except EngineUnavailable as missing:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"not available here: Docker Swarm: {missing}")
    try:
        yield started
    finally:
        context.__exit__(None, None, None)


@pytest.fixture(scope="session")
def base(swarm: SwarmLab) -> str:
    """The base image of the sample stack, on the node where images are built."""
    return ensure_base(swarm.manager.host, _say)


@pytest.fixture(scope="module")
def whole_sample(swarm: SwarmLab, base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwarmSample]:
    directory = tmp_path_factory.mktemp("sample")
    with swarm_sample(directory, swarm.manager.host, base, swarm.registry) as sample:
        yield sample


@pytest.fixture
def sample(whole_sample: SwarmSample) -> Iterator[SwarmSample]:
    """The sample stack without services; images of earlier tests may exist."""
    yield whole_sample
    whole_sample.remove_containers()
