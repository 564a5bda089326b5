"""Which side of a succession may stop the other one: the real directory and the fake."""

from pathlib import Path
from typing import Any, cast

import pytest

from app.domain.stack import Updater
from tests.examples import a_stack
from tests.fakes.fuse import Fuse
from tests.fakes.updater.own_services import FakeOwn, Machine
from workers.adapters.docker_host.own_services.containers import OwnContainers
from workers.self_update.model import Attempt, Side

UPDATER = Updater("web", "worker")
FIRST, SECOND = Attempt("r-1", "v1.0.0"), Attempt("r-2", "v1.1.0")


@pytest.fixture(params=["real", "fake"])
def processes(request: pytest.FixtureRequest, tmp_path: Path) -> list[FakeOwn | OwnContainers]:
    """The worker's and the successor's access to the same attempts."""
    if request.param == "fake":
        machine = Machine(UPDATER, {})
        return [FakeOwn(machine, Fuse()), FakeOwn(machine, Fuse())]
    unused = cast("Any", None)  # a claim asks neither the engine nor Compose
    real = [OwnContainers(unused, unused, a_stack(), UPDATER, tmp_path) for _ in range(2)]
    for attempt in (FIRST, SECOND):
        real[0].directory(attempt).mkdir()
    return [*real]


@pytest.mark.parametrize("side", Side)
def test_first_side_keeps_the_claim(processes: list[FakeOwn | OwnContainers], side: Side) -> None:
    (other,) = {*Side} - {side}
    one, two = processes
    assert two.claimed(FIRST) is None
    assert one.claims(FIRST, side)
    assert two.claimed(FIRST) is side
    assert not two.claims(FIRST, other)
    assert one.claims(FIRST, side), "also after its restart"
    assert two.claims(SECOND, other), "each attempt has its own"
