from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.domain.errors import BuildFailed
from app.domain.stack import Updater
from tests.examples import a_release, sha_of
from tests.fakes.world import World
from workers.reconcile import Reconciler
from workers.succession import HANDOVER_SECONDS, Hashes, Outcome, Succession
from workers.succession_model import SUCCESSOR, successor_model

OLD, NEW, BY_HAND = {"web": "1", "worker": "1"}, {"web": "2", "worker": "2"}, {"web": "1", "worker": "9"}
SHA = sha_of("v1.2.0")


@dataclass
class Own:
    """The updater's own services: what each release has (by its SHA), and what runs."""

    world: World
    runs: Hashes
    has: dict[str, Hashes]
    outcome: Outcome | None = None
    refuses: bool = False
    begun: list[tuple[str, str, str]] = field(default_factory=list)

    async def running(self) -> Hashes:
        return self.runs

    async def wanted(self, model: Path) -> Hashes:
        return self.has[self._sha(model)]

    async def begin(self, sha: str, new: Path, old: Path, limit: float) -> None:
        assert limit > 0
        if self.refuses:
            raise BuildFailed("no such image")
        self.begun.append((sha, self._sha(new), self._sha(old)))

    def _sha(self, model: Path) -> str:
        return next(sha for sha in self.has if self.world.engine.defined(sha).path == model)


@pytest.fixture
async def reconciler(world: World) -> Reconciler:
    """v1.2.0 is live, after v1.1.0."""
    reconciler = world.worker()
    for tag in ("v1.1.0", "v1.2.0"):
        world.inbox.put(a_release(tag))
        await reconciler.reconcile()
    assert world.state.current is not None
    assert world.state.current.tag == "v1.2.0"
    return reconciler


@pytest.fixture
def own(world: World) -> Own:
    return Own(world, OLD, {sha_of("v1.1.0"): OLD, SHA: NEW})


async def test_a_release_that_changes_the_updater_is_succeeded_to_once(
    world: World, reconciler: Reconciler, own: Own
) -> None:
    succession = Succession(world.ports, reconciler, own)
    began = world.clock.monotonic()
    for _ in range(3):
        await succession.look()
    assert own.begun == [(SHA, SHA, sha_of("v1.1.0"))]
    assert world.clock.monotonic() - began == pytest.approx(HANDOVER_SECONDS)


async def test_nothing_is_begun_while_the_successor_is_at_work(world: World, reconciler: Reconciler, own: Own) -> None:
    free: list[bool] = []

    class Watching(Own):
        async def begin(self, sha: str, new: Path, old: Path, limit: float) -> None:
            async with reconciler.quiet() as quiet:
                free.append(quiet)
            await super().begin(sha, new, old, limit)

    await Succession(world.ports, reconciler, Watching(world, own.runs, own.has)).look()
    assert free == [False]


@pytest.mark.parametrize(
    ("runs", "outcome"),
    [
        (NEW, None),
        (BY_HAND, None),
        ({}, None),
        (OLD, Outcome(SHA, "it was not healthy")),
    ],
    ids=["it runs already", "changed by hand", "it does not run", "it was tried before a restart"],
)
async def test_what_there_is_no_way_back_from_or_was_tried_is_not_begun(
    world: World, reconciler: Reconciler, own: Own, runs: Hashes, outcome: Outcome | None
) -> None:
    own.runs, own.outcome = runs, outcome
    await Succession(world.ports, reconciler, own).look()
    assert own.begun == []


async def test_a_paused_updater_stays_as_it_is(world: World, reconciler: Reconciler, own: Own) -> None:
    await world.journal.update(lambda s: s.pause("moving house"))
    await Succession(world.ports, reconciler, own).look()
    assert own.begun == []


async def test_an_image_that_is_not_there_yet_is_asked_for_again(
    world: World, reconciler: Reconciler, own: Own
) -> None:
    own.refuses = True
    succession = Succession(world.ports, reconciler, own)
    with pytest.raises(BuildFailed):
        await succession.look()
    own.refuses = False
    await succession.look()
    assert len(own.begun) == 1


def test_the_one_shot_is_the_new_worker_with_another_command() -> None:
    worker = {"image": "updater:2", "volumes": ["x"], "networks": {"engine": None}, "depends_on": {"redis": {}}}
    model = {"name": "shop", "services": {"web": {}, "worker": worker}}
    made = successor_model(model, Updater("web", "worker"), "abc", Path("/n"), Path("/o"))
    assert made["services"][SUCCESSOR] == {
        "image": "updater:2",
        "volumes": ["x"],
        "networks": {"engine": None},
        "command": ["python", "-m", "workers.successor", "abc", "/n", "/o"],
        "restart": "on-failure:5",
        "healthcheck": {"disable": True},
    }
    assert made["services"]["worker"] == worker
