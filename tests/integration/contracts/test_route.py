"""The contract of the route port, tested on the fake and on the file."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.stack import Color
from tests.examples import a_stack
from tests.fakes.world import World
from workers.adapters.traefik.route_file import RouteFile
from workers.ports import Route


class RouteContract:
    async def test_route_is_absent_before_the_first_flip(self, route: Route) -> None:
        assert await route.active() is None

    async def test_route_points_to_the_last_flipped_color(self, route: Route) -> None:
        for n, color in enumerate((Color.BLUE, Color.GREEN, Color.GREEN, Color.BLUE)):
            await route.flip(color, f"r-{n}")
            assert await route.active() is color

    async def test_a_cleared_route_points_nowhere(self, route: Route) -> None:
        await route.flip(Color.GREEN, "r-1")
        for _ in range(2):
            await route.clear()
            assert await route.active() is None

    async def test_a_cleared_route_can_be_flipped_again(self, route: Route) -> None:
        await route.clear()
        await route.flip(Color.GREEN, "r-1")
        assert await route.active() is Color.GREEN

    async def test_route_knows_the_rollout_of_its_answers(self, route: Route) -> None:
        assert await route.rollout() is None
        for rollout in ("r-1", "r-1-back"):
            await route.flip(Color.GREEN, rollout)
            assert await route.rollout() == rollout
        await route.clear()
        assert await route.rollout() is None

    async def test_copies_are_those_of_the_last_flip_to_the_color(self, route: Route) -> None:
        known = {"skills": ("demo-skills-green-1",), "api": ("demo-api-green-1",)}
        assert await route.copies(Color.GREEN) == {}
        await route.flip(Color.GREEN, "r-1", known)
        assert (await route.copies(Color.GREEN), await route.copies(Color.BLUE)) == (known, {})
        await route.flip(Color.GREEN, "r-2")
        assert await route.copies(Color.GREEN) == known
        await route.clear()
        assert await route.copies(Color.GREEN) == {}

    async def test_files_contains_the_route_after_a_flip(self, route: Route) -> None:
        assert await route.files() == {}
        await route.flip(Color.BLUE, "r-1")
        files = await route.files()
        assert list(files) == [route.file.name]
        assert "skills-blue" in files[route.file.name]

    async def test_a_release_that_lacks_a_service_has_no_route_for_it(self, route: Route) -> None:
        stack = a_stack()
        part = replace(stack, routed=stack.routed[:1])
        await route.flip(Color.BLUE, "r-1", stack=part)
        text = (await route.files())[route.file.name]
        assert ("skills-blue" in text, "api-blue" in text) == (True, False)
        assert await route.active() is Color.BLUE
        assert await route.stands(Color.BLUE, "r-1", stack=part)
        assert not await route.stands(Color.BLUE, "r-1"), "today's stack has one more"
        await route.flip(Color.BLUE, "r-1")
        assert await route.stands(Color.BLUE, "r-1")

    async def test_restore_replaces_all_route_files(self, route: Route) -> None:
        await route.flip(Color.GREEN, "r-2")
        await route.restore({"old.yml": "http: {}\n"})
        assert await route.files() == {"old.yml": "http: {}\n"}
        assert await route.active() is None


class TestFakeRoute(RouteContract):
    @pytest.fixture
    def route(self) -> Route:
        return World().route


class TestRouteFile(RouteContract):
    @pytest.fixture
    def route(self, tmp_path: Path) -> Route:
        (tmp_path / "dynamic").mkdir()
        return RouteFile(tmp_path / "dynamic", a_stack())
