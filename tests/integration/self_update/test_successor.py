"""The successor on a real engine and a real Compose, killed at every engine event that it causes."""

import itertools
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.state import SCHEMA, State
from deploy.demo.docker.engine import Engine
from tests.integration.self_update.own_project import UPDATER, OwnProject, own_project
from workers.adapters.disk.journal import FileJournal
from workers.adapters.disk.journal_copy import JournalCopy
from workers.adapters.disk.state_json import encode
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.program import find_compose
from workers.self_update.model import Attempt, runs_as
from workers.self_update.successor import TRIES

pytestmark = pytest.mark.engine

ACTIONS = ("create", "die", "destroy", "rename", "start", "exec_start: true", "exec_die")
"""The engine events when Compose replaces a container."""

FORWARD = [f"{service} {action}" for service in UPDATER.services for action in ACTIONS]
BACK = [f"{service} {action}" for service in reversed(UPDATER.services) for action in ACTIONS]


@pytest.fixture
async def project(engine: Engine, images: tuple[str, str], tmp_path: Path) -> AsyncIterator[OwnProject]:
    """A project whose updater runs version 1."""
    async with own_project(tmp_path, engine.host, images[0]) as made:
        for service in UPDATER.services:
            await made.own.put(await made.prepare("r-0", made.model("1"), made.model("1")), service, new=True)
        yield made


def wanted(version: str) -> list[tuple[str, str, str]]:
    """Exactly one container of each service, without waiting for the engine's own checks."""
    return [(service, version, "starting") for service in UPDATER.services]


MOST_RUNS = 25


class Kills:
    """Spreads the `points` over successions with three kills each, as many as a succession survives.

    A succession that ended before a kill, because this process was slow to see the event, is played again.
    """

    def __init__(self, points: Sequence[str]) -> None:
        runs = len(points) // 3
        self._waiting = deque(points[n::runs] for n in range(runs))

    def __iter__(self) -> Iterator[tuple[int, Sequence[str]]]:
        """The number and the kills of each succession."""
        for number in range(MOST_RUNS):
            if not self._waiting:
                return
            yield number, self._waiting.popleft()

    def played(self, points: Sequence[str], reached: Sequence[str]) -> None:
        if missed := [point for point in points if point not in reached]:
            self._waiting.append(missed)


async def test_killed_successor_installs_the_new_updater(project: OwnProject) -> None:
    models, reached = itertools.cycle([project.model("1"), project.model("2")]), set()
    old, version, kills = next(models), 1, Kills(FORWARD)
    for number, points in kills:
        new, version = next(models), 3 - version
        attempt = await project.prepare(f"r-{number}", new, old)
        ended, killed = await project.succeed(attempt, [(point, 1) for point in points])
        kills.played(points, killed)
        reached |= set(killed)
        assert (ended.ended, ended.why, project.runs()) == (True, "", wanted(str(version))), points
        assert runs_as(await project.own.running(), project.own.defined(new) or {}, project.project)
        assert project.own.left() is not None
        old = new
    assert reached == set(FORWARD)


async def test_killed_rollback_restores_the_old_updater(
    project: OwnProject,
) -> None:
    old, new, reached = project.model("1"), project.model("2", unwell="worker"), set()
    kills = Kills(BACK)
    await FileJournal(project.journal).update(lambda s: replace(s, epoch=7))
    for number, points in kills:
        attempt = await project.prepare(f"r-{number}", new, old)
        for service in UPDATER.services:  # the state at the decision to go back
            await project.own.put(attempt, service, new=True)
        JournalCopy(project.journal, project.own.directory(attempt)).keep()
        project.own.record(replace(attempt, starts=1, why="worker was not well"))
        ended, killed = await project.succeed(attempt, [(point, 1) for point in points])
        kills.played(points, killed)
        reached |= set(killed)
        assert (ended.ended, ended.why) == (True, "worker was not well; the old one runs again")
        assert project.runs() == wanted("1"), points
        assert runs_as(await project.own.running(), project.own.defined(old) or {}, project.project)
    assert reached == set(BACK)
    assert FileJournal(project.journal).load() == State(epoch=7)


async def test_failed_worker_gives_back_the_journal(
    project: OwnProject,
) -> None:
    await FileJournal(project.journal).update(lambda s: replace(s, epoch=7))
    attempt = await project.prepare("r-1", project.model("2", unwell="worker"), project.model("1"))
    JournalCopy(project.journal, project.own.directory(attempt)).keep()
    project.journal.write_bytes(encode(State(schema=SCHEMA + 1)))  # like the new worker
    ended, _ = await project.succeed(attempt)
    assert ended.why == "worker was not healthy within 10 s; the old one runs again"
    assert project.runs() == wanted("1")
    assert FileJournal(project.journal).load() == State(epoch=7)


async def test_failed_web_leaves_the_worker_untouched(project: OwnProject) -> None:
    before = await project.own.instance(UPDATER.worker)
    ended, _ = await project.succeed(await project.prepare("r-1", project.model("2", unwell="web"), project.model("1")))
    assert ended.why == "web was not healthy within 10 s; the old one runs again"
    assert project.runs() == wanted("1")
    after = await project.own.instance(UPDATER.worker)
    assert before
    assert after
    assert (after.id, after.restarts) == (before.id, 0)


async def test_compose_up_keeps_a_finished_succession(project: OwnProject) -> None:
    await project.succeed(await project.prepare("r-1", project.model("2"), project.model("1")))
    before = {container.id for container in project.containers()}
    await Compose(find_compose(), project.project, project.host).up(project.model("2"), [UPDATER.worker], 60)
    assert {container.id for container in project.containers()} == before


async def test_missing_image_keeps_the_old_updater(project: OwnProject) -> None:
    new = project.model("2")
    new.write_text(new.read_text().replace(project.base, "zu-test-no-such-image:1"))
    ended, _ = await project.succeed(await project.prepare("r-1", new, project.model("1")))
    assert "zu-test-no-such-image:1" in ended.why
    assert project.runs() == wanted("1")


async def test_repeated_deaths_restore_the_old_updater(project: OwnProject) -> None:
    attempt = await project.prepare("r-1", project.model("2"), project.model("1"))
    await project.own.put(attempt, UPDATER.web, new=True)
    project.own.record(replace(attempt, starts=TRIES))
    ended, _ = await project.succeed(attempt)
    assert f"died {TRIES} times" in ended.why
    assert project.runs() == wanted("1")


async def test_ended_successor_does_nothing_on_restart(project: OwnProject) -> None:
    attempt = await project.prepare("r-1", project.model("2"), project.model("1"))
    project.own.record(Attempt("r-1", "v2.0.0", ended=True))
    assert (await project.succeed(attempt))[0] == Attempt("r-1", "v2.0.0", ended=True)
    assert project.runs() == wanted("1")
