"""A release that was checked out and failed: the clone names another one than what runs."""

from datetime import timedelta

import pytest

from app.domain.stack import Color
from app.domain.state import State
from tests.examples import NOW, sha_of
from tests.fakes.world import World
from tests.unit.workers.adoption.test_adopt import started

OLD, FAILED = sha_of("v1.0.0"), sha_of("v1.1.0")
LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)


@pytest.fixture
async def world() -> World:
    """v1.0.0 runs. The sidecar checked v1.1.0 out after that, and its update failed."""
    world = World()
    await world.before_the_updater()
    world.source.clone = {
        ("/srv/shop", "HEAD"): FAILED,
        ("/srv/shop", "refs/tags/v1.0.0"): OLD,
        ("/srv/shop", "refs/tags/v1.1.0"): FAILED,
    }
    world.source.moved_at = LATER
    return world


async def test_failed_update_leaves_the_release_known(world: World) -> None:
    await world.journal.update(lambda _: State(last_good_tag="v1.0.0", last_success_at=LATER))
    await started(world)
    assert world.state.current is not None
    assert (world.state.current.tag, world.state.current.sha, world.state.last_good_tag) == ("v1.0.0", OLD, "v1.0.0")
    how = next(data["how"] for kind, data in world.publisher.events if kind == "adopted")
    assert "according to the old state file; the clone in /srv/shop says v1.1.0" in how


@pytest.mark.parametrize(("color", "said"), [(Color.GREEN, 1), (Color.BLUE, 0), (None, 0)])
async def test_overruled_color_is_a_warning(world: World, color: Color | None, said: int) -> None:
    await world.journal.update(lambda _: State(active_color=color))
    await started(world)
    warnings = next(data["warnings"] for kind, data in world.publisher.events if kind == "adopted")
    text = "the old state file says that green serves, but the routes lead to blue: the routes decide"
    assert warnings == [text][:said]
    assert world.state.active_color is Color.BLUE


async def test_old_state_file_is_no_proof_of_newer_containers(world: World) -> None:
    """Someone rolled out by hand since the sidecar's last success, and then checked another release out."""
    await world.journal.update(lambda _: State(last_good_tag="v1.0.0", last_success_at=EARLIER))
    await started(world)
    assert world.state.current is not None
    assert (world.state.current.tag, world.state.last_good_tag) == ("unknown", "v1.0.0")
    how = next(data["how"] for kind, data in world.publisher.events if kind == "adopted")
    assert "before the containers were created; the clone in /srv/shop says v1.1.0" in how
