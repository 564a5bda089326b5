"""The sample stack in a swarm, as its own project: one routed service and the bot."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from app.domain.stack import EngineKind, Stack
from tests.integration.engine.sample_stack import Sample, sample_stack
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.swarm.engine import SwarmEngine
from workers.definition.swarm.spec import NAMESPACE_LABEL

STOP_GRACE = 3.0
"""Seconds. Swarm fixes a task's grace when it starts it."""


@dataclass
class SwarmSample(Sample):
    """`host`: the engine of a manager."""

    @property
    def engine(self) -> SwarmEngine:
        compose = Compose(find_compose(), self.stack.project, self.host)
        return SwarmEngine(self.client, compose, self.stack, self.directory / "releases")

    def pinned_to(self, node: str) -> Stack:
        """The stack, whose bot runs on that node alone."""
        return replace(self.stack, singletons=tuple(replace(each, node=node) for each in self.stack.singletons))

    def remove_containers(self) -> None:
        """Removes the stack's services. Swarm then ends their tasks."""
        for service in self.client.services.list(filters={"label": f"{NAMESPACE_LABEL}={self.stack.project}"}):
            service.remove()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def swarm_sample(directory: Path, host: str, base: str, registry: str) -> Iterator[SwarmSample]:
    """A sample stack on the base image `base`, whose images are pushed to `registry`."""
    with sample_stack(directory, host, base) as one:
        times = replace(one.stack.times, stop_grace=STOP_GRACE)
        stack = replace(one.stack, engine=EngineKind.SWARM, registry=registry, times=times)
        sample = SwarmSample(one.directory, host, one.client, stack, one.repository)
        try:
            yield sample
        finally:
            sample.remove_containers()
            for network in one.client.networks.list(filters={"label": f"{NAMESPACE_LABEL}={stack.project}"}):
                with contextlib.suppress(Exception):
                    network.remove()
