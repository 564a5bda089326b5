"""What the drift watch asks of the route file again and again is worked out once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from app.domain.stack import Color, Stack
from tests.examples import a_stack
from workers.routing.dynamic_file import read_yaml
from workers.routing.kept_rendering import KeptRendering
from workers.routing.route_file import AllCopies, RouteState, read, render

COPIES: AllCopies = {Color.BLUE: {"api": ("shop-api-blue-1", "shop-api-blue-2")}}
GIVEN: Mapping[str, Any] = {"stack": a_stack(), "color": Color.BLUE, "rollout": "r-1", "copies": COPIES}


def without_a_service(stack: Stack) -> Stack:
    return replace(stack, routed=stack.routed[1:])


def with_another_rule(stack: Stack) -> Stack:
    first, *others = stack.routed
    routes = tuple(replace(route, rule="Host(`other.example.org`)") for route in first.routes)
    return replace(stack, routed=(replace(first, routes=routes), *others))


def test_equal_files_are_parsed_once() -> None:
    text = render(**{**GIVEN, "rollout": "r-parsed"})
    before = read_yaml.cache_info().misses
    assert [read(text, a_stack()) for _ in range(3)] == [RouteState(Color.BLUE, "r-parsed", COPIES)] * 3
    assert read_yaml.cache_info().misses == before + 1


def test_equal_questions_are_rendered_once() -> None:
    kept = KeptRendering()
    first = kept.of(**GIVEN)
    again = kept.of(**{**GIVEN, "stack": replace(a_stack()), "copies": {**COPIES}})
    assert first == render(**GIVEN)
    assert again is first


@pytest.mark.parametrize(
    "other",
    [
        {"stack": without_a_service(a_stack())},
        {"stack": with_another_rule(a_stack())},
        {"color": Color.GREEN},
        {"rollout": "r-2"},
        {"copies": {}},
        {"copies": {Color.BLUE: {"api": ("shop-api-blue-1",)}}},
    ],
)
def test_any_other_input_renders_again(other: dict[str, Any]) -> None:
    kept = KeptRendering()
    first = kept.of(**GIVEN)
    assert kept.of(**{**GIVEN, **other}) == render(**{**GIVEN, **other}) != first
    assert kept.of(**GIVEN) == first
