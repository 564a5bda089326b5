"""Tasks that run together, and end together when one fails."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

FORGETS = sys.version_info < (3, 13)
"""A failing task cancels the parent of its group, also while that only waits for the group, and it stays marked as
cancelled. Before Python 3.11.3, no later `asyncio.timeout` of the parent raises TimeoutError: CancelledError leaves it.
"""


@contextlib.asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """An asyncio.TaskGroup that takes its own request to cancel its parent back. Raises what that raises."""
    parent = asyncio.current_task()
    requested = parent.cancelling() if parent else 0
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup:
        if FORGETS and parent and parent.cancelling() > requested:
            parent.uncancel()
        raise
