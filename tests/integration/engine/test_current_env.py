"""A kept release on a real engine: with the values of its own rollout, or with today's."""

import shutil
from collections.abc import Iterator

import pytest

from app.domain.errors import VariableMissing
from app.domain.stack import Color
from tests.integration.engine.sample_stack import BLUE, GREEN, Sample, start_one
from workers.adapters.docker_host.stored.definitions import CURRENT
from workers.ports import Definition, Instance

pytestmark = pytest.mark.engine

TAG = "v81.0.0"
OLD = "DEMO_OPERATOR_VALUE='costs $5'"


@pytest.fixture
def sample(sample: Sample) -> Iterator[Sample]:
    """The sample stack, whose `.env` the test may change, and which has nothing published after it."""
    file = sample.directory / "live" / ".env"
    before = file.read_text()
    sample.release(TAG)
    yield sample
    file.write_text(before)
    shutil.rmtree(sample.directory / "releases" / CURRENT, ignore_errors=True)


def set_value(sample: Sample, line: str) -> None:
    file = sample.directory / "live" / ".env"
    file.write_text(file.read_text().replace(OLD, line))


def value_of(sample: Sample, instance: Instance) -> str:
    values = sample.client.containers.get(instance.id).attrs["Config"]["Env"]
    return str(next(value.partition("=")[2] for value in values if value.startswith("OPERATOR_VALUE=")))


async def recalled(sample: Sample, *, current_env: bool) -> Definition:
    tree = sample.release(TAG) if current_env else None
    return await sample.engine.recall(sample.stamp(TAG, "r-back"), [BLUE], tree)


async def test_rollback_has_its_own_values_unless_todays_are_asked_for(sample: Sample) -> None:
    built = await start_one(sample.engine, await sample.built(TAG, BLUE), BLUE)
    set_value(sample, "DEMO_OPERATOR_VALUE=changed")
    found = await sample.engine.changed_values(sample.release(TAG), sample.stamp(TAG))
    assert found == {BLUE: ("OPERATOR_VALUE",), GREEN: ("OPERATOR_VALUE",)}
    own = await start_one(sample.engine, await recalled(sample, current_env=False), BLUE)
    assert value_of(sample, own) == "costs $5"
    definition = await recalled(sample, current_env=True)
    todays = await start_one(sample.engine, definition, BLUE)
    assert (value_of(sample, todays), todays.image, todays.rollout) == ("changed", built.image, "r-back")
    assert await sample.engine.changed_values(sample.release(TAG), sample.stamp(TAG)) == found, "not proven yet"
    await sample.engine.publish(definition, Color.BLUE)
    again = await sample.engine.changed_values(sample.release(TAG), sample.stamp(TAG))
    assert again == {}, "the kept definition has today's values now"


async def test_value_that_is_gone_refuses_todays_values(sample: Sample) -> None:
    await sample.engine.publish(await sample.built(TAG, BLUE), Color.BLUE)
    set_value(sample, "")
    with pytest.raises(VariableMissing, match="DEMO_OPERATOR_VALUE"):
        await recalled(sample, current_env=True)
    assert (
        value_of(sample, await start_one(sample.engine, await recalled(sample, current_env=False), BLUE)) == "costs $5"
    )
