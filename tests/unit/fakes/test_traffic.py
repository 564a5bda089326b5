from app.domain.stack import Color
from app.domain.traffic import Tally
from tests.fakes.world import World


async def test_counts_restart_after_a_color_is_left() -> None:
    """Traefik does the same in tests/integration/traefik/test_traefik.py."""
    world = World()
    world.clients.rps, world.clients.failing = 10, {Color.BLUE: 0.5}
    await world.route.flip(Color.BLUE, "r-0")
    await world.clock.sleep(1)
    assert (await world.clients.tallies())[Color.BLUE]["api"] == Tally(10, 5)
    await world.route.flip(Color.GREEN, "r-1")
    await world.clock.sleep(1)
    assert (await world.clients.tallies())[Color.BLUE]["api"] == Tally(10, 5)
    assert (await world.clients.tallies())[Color.BLUE]["api"] == Tally()
    assert (await world.clients.tallies())[Color.GREEN]["api"] == Tally(10, 0)
