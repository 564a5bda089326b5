"""Combines what several sources say about one value, most trusted first. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T", int, str)


@dataclass(frozen=True)
class Statement(Generic[T]):
    """The source `where` says that one of `values` is right: a Dockerfile may expose several ports.

    `sure`: it needs no second source.
    """

    values: tuple[T, ...]
    where: str
    sure: bool = True

    @property
    def text(self) -> str:
        return f"{self.where} says {' or '.join(map(str, self.values))}"


@dataclass(frozen=True)
class Weighed(Generic[T]):
    """The result: `value` is None if no source has one; `question` is empty if the value is certain."""

    value: T | None
    sources: tuple[str, ...] = ()
    question: str = ""


def weigh(statements: Iterable[Statement[T]]) -> Weighed[T]:
    """The value that the most trusted sources agree on. A source that disagrees adds a question."""
    every = [s for s in statements if s.values]
    left: tuple[T, ...] = ()
    for statement in every:
        common = tuple(v for v in left if v in statement.values) if left else statement.values
        left = common or left
    if not left:
        return Weighed(None)
    agree = [s for s in every if left[0] in s.values]
    against = [s for s in every if left[0] not in s.values]
    return Weighed(left[0], tuple(s.where for s in agree), "; ".join(_why(left, agree, against)))


def _why(left: tuple[T, ...], agree: list[Statement[T]], against: list[Statement[T]]) -> Iterable[str]:
    if against:
        yield "; ".join(s.text for s in (*agree, *against))
    elif len(left) > 1:
        yield f"which of {', '.join(map(str, left))}? {'; '.join(s.text for s in agree)}"
    elif not any(s.sure for s in agree):
        yield f"only {' and '.join(s.where for s in agree)} says it: does it answer 2xx without credentials?"
