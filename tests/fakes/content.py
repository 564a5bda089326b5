"""What objects hold, so that two of them can be compared: all that they refer to, by how it is reached."""

import asyncio
import enum
import functools
import itertools
from collections import deque
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

VALUES = (
    *(str, bytes, int, float, type(None), type, enum.Enum, datetime, timedelta, PurePath),
    *(ModuleType, asyncio.AbstractEventLoop),
)
"""Compared as they are printed. Of event loops there is one at a time."""

UNIQUE = itertools.count()

Content = frozenset[tuple[str, object]]


def content(root: object, *, but: Collection[str] = ()) -> Content:
    """What is reached from `root`, each with its path; without the attributes `but`, each as `Class.name`.

    What it cannot look into, such as a pending call, differs from everything else.
    """
    found: dict[str, object] = {}
    paths: dict[int, str] = {}
    left: list[tuple[str, object]] = [("", root)]
    while left:
        path, each = left.pop()
        if isinstance(each, VALUES):
            found[path] = f"{type(each).__name__} {each!r}"
        elif id(each) in paths:
            found[path] = f"as {paths[id(each)]}"
        else:
            paths[id(each)] = path
            found[path] = _kind(each)
            left += [(f"{path}{name}", part) for name, part in _parts(each, but)]
    return frozenset(found.items())


def _kind(each: object) -> object:
    if isinstance(each, set | frozenset):
        return tuple(sorted(map(repr, each)))
    opaque = not (isinstance(each, FUNCTIONS + COLLECTIONS) or hasattr(each, "__dict__"))
    return f"number {next(UNIQUE)}" if opaque else type(each).__name__


def _parts(each: Any, but: Collection[str]) -> Iterator[tuple[str, object]]:
    match each:
        case dict():
            yield from ((f"[{key!r}]", part) for key, part in each.items())
        case list() | tuple() | deque():
            yield from ((f"[{index}]", part) for index, part in enumerate(each))
        case MethodType():
            yield from ((".function", each.__func__), (".self", each.__self__))
        case FunctionType():
            yield ".name", each.__qualname__
            yield from ((f".cell{index}", cell.cell_contents) for index, cell in enumerate(each.__closure__ or ()))
        case BuiltinFunctionType():
            yield from ((".name", each.__qualname__), (".self", each.__self__))
        case functools.partial():
            yield from ((".function", each.func), (".arguments", each.args), (".options", each.keywords))
        case set() | frozenset():
            return
        case _:
            kind = type(each).__name__
            yield from (
                (f".{n}", part) for n, part in getattr(each, "__dict__", {}).items() if f"{kind}.{n}" not in but
            )


COLLECTIONS = (dict, list, tuple, deque)
FUNCTIONS: tuple[type, ...] = (MethodType, FunctionType, BuiltinFunctionType, functools.partial)
