"""The engine's API: what counts as an engine that is away."""

from collections.abc import AsyncIterator, Iterator
from threading import Event
from typing import cast

import pytest
from docker import DockerClient

from app.domain.errors import EngineFailed
from workers.adapters.docker_host.client import Docker

SHORT = 0.05


@pytest.fixture
def end() -> Iterator[Event]:
    """Set at the end of the test: until then, no response comes."""
    ends = Event()
    yield ends
    ends.set()


@pytest.fixture
async def docker(end: Event) -> AsyncIterator[Docker]:
    yield Docker(cast("DockerClient", None), None)
    end.set()


async def test_call_without_a_response_counts_as_away(docker: Docker, end: Event) -> None:
    with pytest.raises(EngineFailed, match="did not answer"):
        await docker.call(lambda _: end.wait(), limit=SHORT)
    assert docker.times_away == 1


async def test_slow_check_does_not_count_as_away(docker: Docker, end: Event) -> None:
    """A request that is sent once has a limit of its own, such as that of a health check or of a registry."""
    with pytest.raises(EngineFailed, match="did not answer"):
        await docker.once(lambda _: end.wait(), SHORT)
    assert docker.times_away == 0
