"""Marks the port methods that change something outside the worker. A replaced worker must not call them."""

from collections.abc import Callable
from typing import Any, TypeVar

Fence = Callable[[], None]
"""Raises StaleWorker when another worker has taken over. Adapters call it in the thread that makes the change, right
before it: a worker may be suspended, or wait for a thread or the engine, after any earlier check."""

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "__mutates__"


def mutation(method: F) -> F:
    """Marks a port method as one that changes something."""
    setattr(method, _MARK, True)
    return method


def no_fence() -> None:
    """For callers without a journal: nothing can take over from them."""


def mutates(port: type[Any], method: str) -> bool:
    return getattr(getattr(port, method, None), _MARK, False) is True
