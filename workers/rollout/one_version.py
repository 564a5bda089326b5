"""One version of each of the operator's files in a rollout: what runs is what the rollout's record says.

A rollout takes minutes, and an operator may edit a file meanwhile. It stops then: some containers would have the old
version and others the new one.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from app.domain.errors import FilesChanged
from workers.definition.files.live_files import touched, why_changed
from workers.ports import Definition
from workers.rollout.run import Run

States = Mapping[str, str]


def same(before: States, now: States) -> None:
    """Makes sure that no file was written or replaced in between. Raises FilesChanged."""
    if written := touched(before, now):
        raise FilesChanged(why_changed(written))


async def as_defined(run: Run, definition: Definition, services: Sequence[str]) -> States:
    """The states of the files that the services mount, which are those of the definition. Raises FilesChanged."""
    found = await run.ports.engine.live_files(definition, services)
    if found.changed:
        raise FilesChanged(why_changed(found.changed))
    return found.states


@asynccontextmanager
async def of_files(run: Run, definition: Definition, services: Sequence[str]) -> AsyncIterator[None]:
    """Makes sure that the files are those of the definition all the time. Raises FilesChanged."""
    before = await as_defined(run, definition, services)
    yield
    same(before, await as_defined(run, definition, services))
