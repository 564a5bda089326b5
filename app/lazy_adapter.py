"""Pydantic's TypeAdapter, built when it is first used: building one takes milliseconds, and a process uses few."""

from functools import cached_property
from typing import Generic, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


class LazyAdapter(Generic[T]):
    """Knows how to read and write values of `kind`."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind

    @cached_property
    def built(self) -> TypeAdapter[T]:
        return TypeAdapter(self._kind)
