"""Runs blocking calls in threads of their own kind, so that one kind never waits for another.

asyncio's own few threads also look up host names. If an engine that hangs, or a name server that does not answer,
took all of them, no journal entry and no route could be written.
"""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_FILES = ThreadPoolExecutor(4, thread_name_prefix="files")
_ENGINE = ThreadPoolExecutor(64, thread_name_prefix="engine")
"""Many, because a call that hangs keeps its thread after its caller has given up, until the client's own limit."""

_LARGE_FILES = ThreadPoolExecutor(4, thread_name_prefix="large-files")
"""One that waits for the disk with gigabytes holds up no journal entry."""


async def in_file_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs `call`, which reads or writes files of the updater: the journal, the route, definitions, records."""
    return await _in(_FILES, partial(call, *args, **kwargs))


async def in_large_file_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs `call`, which reads or writes large files of a release. Returns as `to_its_end` does."""
    return await _ended(_in(_LARGE_FILES, partial(call, *args, **kwargs)))


async def in_engine_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs `call`, which waits for the Docker Engine."""
    return await _in(_ENGINE, partial(call, *args, **kwargs))


async def to_its_end(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As `in_file_thread`, but returns only when `call` has ended, even if the caller is cancelled meanwhile.

    A cancelled caller gets its CancelledError then, so it still holds its locks for as long as the call runs.
    """
    return await _ended(in_file_thread(call, *args, **kwargs))


async def _ended(call: Coroutine[None, None, T]) -> T:
    running = asyncio.create_task(call)
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            cancelled = error
    result = running.result()
    if cancelled is not None:
        raise cancelled
    return result


async def _in(executor: Executor, call: Callable[[], T]) -> T:
    """As asyncio.to_thread, with its context variables, but in `executor`."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(executor, context.run, call)
