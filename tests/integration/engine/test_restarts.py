"""What the engine starts by itself when it restarts: nothing that the updater has stopped, or that has ended before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.engine.sample_stack import BLUE, BOT, Sample, start_one
from workers.ports import Instance

pytestmark = pytest.mark.engine

ON_FAILURE = {"Name": "on-failure", "MaximumRetryCount": 3}
UNLESS_STOPPED = {"Name": "unless-stopped", "MaximumRetryCount": 0}
NEVER = {"Name": "no", "MaximumRetryCount": 0}

WRITTEN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"restart": "on-failure:3"}, ON_FAILURE),
    ({"deploy": {"restart_policy": {"condition": "on-failure", "max_attempts": 3}}}, ON_FAILURE),
    ({"restart": "unless-stopped"}, UNLESS_STOPPED),
    ({"restart": "always"}, UNLESS_STOPPED),
    ({}, NEVER),
]


def written(change: dict[str, Any]) -> Callable[[Path], None]:
    def edit(tree: Path) -> None:
        model = yaml.safe_load((tree / "docker-compose.yml").read_text())
        for name in (BLUE, BOT):
            kept = {key: value for key, value in model["services"][name].items() if key != "restart"}
            model["services"][name] = kept | change
        (tree / "docker-compose.yml").write_text(yaml.safe_dump(model))

    return edit


@pytest.fixture(params=range(len(WRITTEN)), ids=["on-failure", "deploy", "unless-stopped", "always", "none"])
def case(request: pytest.FixtureRequest, sample: Sample) -> tuple[str, dict[str, Any]]:
    """A release, and the restart policy that its containers run with."""
    change, policy = WRITTEN[request.param]
    tag = f"v{80 + request.param}.0.0"
    sample.release(tag, edit=written(change))
    return tag, policy


def policy_of(sample: Sample, instance: Instance) -> dict[str, Any]:
    """The engine's own word for none is empty."""
    found: dict[str, Any] = sample.client.api.inspect_container(instance.id)["HostConfig"]["RestartPolicy"]
    return found | {"Name": found["Name"] or "no"}


async def test_stopped_bot_gets_its_policy_back_with_its_start(
    sample: Sample, case: tuple[str, dict[str, Any]]
) -> None:
    """With `on-failure` the engine would start it again if it exited with an error when it was stopped."""
    tag, policy = case
    bot = await sample.engine.create(await sample.built(tag, BOT), BOT)
    await sample.engine.resume(bot.id)
    assert policy_of(sample, bot) == policy
    await sample.engine.stop(bot.id, 0)
    assert policy_of(sample, bot)["Name"] in {"no", "unless-stopped"}
    await sample.engine.resume(bot.id)
    assert policy_of(sample, bot) == policy


async def test_bot_that_has_ended_stays_so_beside_the_next_one(
    sample: Sample, case: tuple[str, dict[str, Any]]
) -> None:
    """It did not end by a call of the updater, so `unless-stopped` would start it again."""
    tag, policy = case
    old = await sample.engine.create(await sample.built(tag, BOT), BOT)
    await sample.engine.resume(old.id)
    sample.client.api.kill(old.id)
    sample.client.api.wait(old.id)
    await sample.engine.create(await sample.built("v1.0.0", BOT), BOT)
    assert policy_of(sample, old) == NEVER
    await sample.engine.resume(old.id)
    assert policy_of(sample, old) == policy


async def test_color_that_starts_again_has_its_policy(sample: Sample, case: tuple[str, dict[str, Any]]) -> None:
    """Compose starts its containers, and leaves their policy as it is."""
    tag, policy = case
    definition = await sample.built(tag, BLUE)
    first = await start_one(sample.engine, definition, BLUE)
    await sample.engine.stop(first.id, 0)
    again = await start_one(sample.engine, definition, BLUE)
    assert (again.id, policy_of(sample, again)) == (first.id, policy)
