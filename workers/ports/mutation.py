"""Marks the port methods that change something outside the worker. A replaced worker must not call them."""

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "__mutates__"


def mutation(method: F) -> F:
    """Marks a port method as one that changes something."""
    setattr(method, _MARK, True)
    return method


def mutates(port: type[Any], method: str) -> bool:
    return getattr(getattr(port, method, None), _MARK, False) is True
