"""Combines what several sources say about one value, most trusted first. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T", int, str)


@dataclass(frozen=True)
class Statement(Generic[T]):
    """The source `where` says that one of `values` is right: a Dockerfile may expose several ports.

    `sure`: it needs no second source. `options`: what else the source says of the value. `doubt`: why the value may be
    wrong, or why there is none, as the rest of a sentence about the source.
    """

    values: tuple[T, ...]
    where: str
    sure: bool = True
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    doubt: str = ""

    @property
    def text(self) -> str:
        return f"{self.where} says {' or '.join(map(str, self.values))}"


@dataclass(frozen=True)
class Weighed(Generic[T]):
    """The result: `value` is None if no source has one; `question` is empty if the value is certain.

    `options` are those of the best source.
    """

    value: T | None
    sources: tuple[str, ...] = ()
    question: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def weigh(statements: Iterable[Statement[T]]) -> Weighed[T]:
    """The value that the most trusted sources agree on, those without a doubt first.

    A source that disagrees adds a question, and so does a doubt about the value.
    """
    stated = list(statements)
    every: list[Statement[T]] = sorted((s for s in stated if s.values), key=lambda s: bool(s.doubt))
    left: tuple[T, ...] = ()
    for statement in every:
        common = tuple(v for v in left if v in statement.values) if left else statement.values
        left = common or left
    if not left:
        return Weighed(None, question="; ".join(_doubts(stated)))
    agree: list[Statement[T]] = [s for s in every if left[0] in s.values]
    against: list[Statement[T]] = [s for s in every if left[0] not in s.values]
    best = next((s for s in agree if s.sure and not s.doubt), agree[0])
    doubts: list[str] = _doubts([s for s in stated[: stated.index(best) + 1] if s is best or not s.values])
    question = "; ".join([*_why(left, agree, against), *doubts])
    return Weighed(left[0], tuple(s.where for s in agree), question, best.options)


def _doubts(statements: Iterable[Statement[T]]) -> list[str]:
    return [f"{s.where} {s.doubt}" for s in statements if s.doubt]


def _why(left: tuple[T, ...], agree: list[Statement[T]], against: list[Statement[T]]) -> Iterable[str]:
    if against:
        yield "; ".join(s.text for s in (*agree, *against))
    elif len(left) > 1:
        yield f"which of {', '.join(map(str, left))}? {'; '.join(s.text for s in agree)}"
    elif not any(s.sure for s in agree):
        yield f"only {' and '.join(s.where for s in agree)} says it: does it answer 2xx without credentials?"
