"""A Compose file that only the live directory has is named in the plan and in the rollout's result."""

from tests.integration.compose.read_release import Bench


async def test_override_of_the_host_is_a_warning(bench: Bench) -> None:
    bench.compose({})
    assert (await bench.read()).warnings == ()
    bench.put(bench.live, "docker-compose.override.yml", "services: {bot: {mem_limit: 1g}}\n")
    read = await bench.read()
    (warning,) = read.warnings
    assert "has docker-compose.override.yml, which a plain `docker compose` reads there" in warning
    assert "compose_files: [docker-compose.yml, docker-compose.override.yml]" in warning
    assert read.problems == ()
    bench.put(bench.live, ".env", "COMPOSE_FILE=/data/releases/current/compose.json\n")
    assert (await bench.read()).warnings == ()
