"""What objects hold, so that two of them can be compared: all that they refer to."""

import asyncio
import enum
import functools
import itertools
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

SIMPLE = {str, int, float, bool, type(None)}
VALUES = (
    *(bytes, type, enum.Enum, datetime, timedelta, PurePath),
    *(ModuleType, asyncio.AbstractEventLoop),
)
"""Compared as they are. All event loops are alike: there is one at a time."""

UNIQUE = itertools.count()

FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType, functools.partial)

AGAIN = object()
"""Stands before the number of an object that was there before."""


def content(root: object, *, but: Collection[str] = ()) -> tuple[object, ...]:
    """All that is reached from `root`, in order; without the attributes `but`, each as `Class.name`.

    What it cannot look into, such as a pending call, differs from everything else. Two contents are equal only if the
    same objects are shared in both.
    """
    found: list[object] = []
    numbers: dict[int, int] = {}
    left_out = defaultdict[str, set[str]](set)
    for name in but:
        owner, _, attribute = name.partition(".")
        left_out[owner].add(attribute)
    left = [root]
    while left:
        each = left.pop()
        kind = type(each)
        if kind in SIMPLE:
            found += (kind, each)
        elif isinstance(each, VALUES):
            found += (kind, kind if isinstance(each, asyncio.AbstractEventLoop) else each)
        elif (number := numbers.get(id(each))) is not None:
            found += (AGAIN, number)
        else:
            numbers[id(each)] = len(numbers)
            about, parts = _parts(each, left_out)
            found += (kind, about)
            left += parts
    return tuple(found)


def _parts(each: Any, left_out: Mapping[str, set[str]]) -> tuple[object, Iterable[object]]:
    """What is known of it, such as its size, and what it refers to."""
    if isinstance(each, dict):
        return len(each), itertools.chain(each.keys(), each.values())
    if isinstance(each, list | tuple | deque):
        return len(each), each
    if isinstance(each, set | frozenset):
        return tuple(sorted(map(repr, each))), ()
    if isinstance(each, FUNCTIONS):
        return _parts_of_function(each)
    if (attributes := getattr(each, "__dict__", None)) is None:
        return next(UNIQUE), ()
    if (hidden := left_out.get(type(each).__name__)) is not None:
        attributes = {name: part for name, part in attributes.items() if name not in hidden}
    return tuple(attributes), attributes.values()


def _parts_of_function(each: Any) -> tuple[object, Iterable[object]]:
    if isinstance(each, MethodType):
        return None, (each.__func__, each.__self__)
    if isinstance(each, functools.partial):
        return None, (each.func, each.args, each.keywords)
    cells = getattr(each, "__closure__", None) or ()
    return each.__qualname__, (getattr(each, "__self__", None), *(cell.cell_contents for cell in cells))
