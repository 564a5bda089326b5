"""Two things with the same content are the same case; what may differ is never the same."""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import pytest

from tests.fakes.content import content
from tests.fakes.world import World


@dataclass(eq=False)
class Thing:
    value: Any = None
    parts: list[Any] = field(default_factory=list)
    record: int = 0

    def method(self) -> None: ...


def closing_over(value: object) -> Any:
    return lambda: value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1),
        ([1, {"a": (2, 3)}], [1, {"a": (2, 3)}]),
        ({"a", "b"}, {"b", "a"}),
        (Thing(1, [Thing(2)]), Thing(1, [Thing(2)])),
        (Thing(1).method, Thing(1).method),
        (closing_over(1), closing_over(1)),
        (partial(print, 1, end=""), partial(print, 1, end="")),
    ],
)
def test_equal_things_have_the_same_content(one: object, other: object) -> None:
    assert content(one) == content(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, "1"),
        (1, True),
        ([1], (1,)),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"a": 1, "b": 1}),
        ({"a"}, {"b"}),
        (Thing(1, [Thing(2)]), Thing(1, [Thing(3)])),
        (Thing(1).method, Thing(2).method),
        (closing_over(1), closing_over(2)),
        (partial(print, 1), partial(print, 2)),
        ([closing_over] * 2, [closing_over, closing_over(1)]),
    ],
)
def test_different_things_have_another_content(one: object, other: object) -> None:
    assert content(one) != content(other)


def test_a_shared_part_is_not_an_equal_one() -> None:
    part: list[object] = []
    assert content([part, part]) != content([part, []])


def test_things_that_refer_to_each_other_are_read_once() -> None:
    one, other = Thing(), Thing()
    one.value, other.value = other, one
    assert content(one) == content(other)


def test_what_cannot_be_looked_into_is_never_the_same() -> None:
    numbers = count()
    assert content(numbers) != content(numbers)


async def test_pending_call_is_never_the_same() -> None:
    call = asyncio.get_running_loop().create_future()
    assert content([call]) != content([call])
    call.cancel()


def test_unread_attribute_is_left_out() -> None:
    assert content(Thing(record=1), but=["Thing.record"]) == content(Thing(record=2), but=["Thing.record"])
    assert content(Thing(record=1), but=["Other.record"]) != content(Thing(record=2), but=["Other.record"])


async def test_world_is_compared_in_every_part() -> None:
    one, other = World(), World()
    assert content(one) == content(other)
    for change in (
        lambda: other.engine.place("bot", "v1.0.0"),
        lambda: other.engine.behave("api", "v1.1.0", status=500),
        lambda: setattr(other.disk, "full", True),
        other.source.hang,
        lambda: other.notifier.mark("x"),
        lambda: setattr(other.route, "lag", 1.0),
    ):
        before = content(other)
        change()
        assert content(other) != before
